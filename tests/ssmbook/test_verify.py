"""An archive that was changed in any way is refused, in one line."""

import gzip
import hashlib
import io
import tarfile
import tracemalloc
from pathlib import PurePosixPath

import pytest

from ssmbook.publish import verify as verification
from ssmbook.publish.verify import verify
from tests.ssmbook.toy import ssmbook

FILES = {"README.md": b"# A\n", "book/index.html": b"<p>", "source/a b.py": b"1\n"}


def sums(files) -> bytes:
    lines = [f"{hashlib.sha256(c).hexdigest()}  {n}\n" for n, c in files.items()]
    return "".join(lines).encode()


def entry(name, content=b"", **options):
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(content), 0o644
    for key, value in options.items():
        setattr(info, key, value)
    return info, content


def packed(content, name="", mtime=0) -> bytes:
    """A .gz as `pack` writes it."""
    buffer = io.BytesIO()
    with gzip.GzipFile(name, "wb", fileobj=buffer, mtime=mtime) as file:
        file.write(content)
    return buffer.getvalue()


def padded(content: bytes) -> bytes:
    """The padding of the first file of a tar filled with other bytes."""
    return content[: 512 + 4] + b"x" + content[512 + 5 :]


def tar(entries) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as file:
        for info, content in entries:
            file.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def archive(changed=None, more=(), listed=None, folder="toy", **options) -> bytes:
    """An archive as `pack` writes it, then changed; options: of the first file."""
    files = FILES | (changed or {})
    whole = files | {"SHA256SUMS": sums(FILES) if listed is None else listed}
    ordered = {n: whole[n] for n in sorted(whole, key=PurePosixPath)}
    plain = [entry(f"{folder}/{n}", c) for n, c in ordered.items() if c is not None]
    for name, value in options.items():
        setattr(plain[0][0], name, value)
    return packed(tar([*plain, *more]))


WHOLE = archive()
TAR = gzip.decompress(WHOLE)
LISTED = FILES | {"SHA256SUMS": sums(FILES)}
DAMAGED = {
    "changed": (archive({"README.md": b"# B\n"}), r"changed files: 'README\.md'"),
    "emptied": (archive({"README.md": b""}), r"changed files: 'README\.md'"),
    "removed": (archive({"README.md": None}), r"no file for entries .* 'README\.md'"),
    "added": (archive({"new": b""}), "does not list: 'new'"),
    "added many": (archive({f"n{k}": b"" for k in range(9)}), "and 6 more$"),
    "added later": (archive(more=[entry("toy/new")]), "does not list: 'new'"),
    "twice": (
        archive(more=[entry("toy/README.md", b"# A\n")]),
        "'toy/README.md' twice",
    ),
    "other folder": (archive(more=[entry("other/new")]), "must hold one folder"),
    "beside the folder": (archive(more=[entry("new")]), "no path in its folder: 'new'"),
    "absolute": (archive(more=[entry("/etc/passwd")]), "no path in its folder: '/etc"),
    "upwards": (archive(more=[entry("toy/../../x")]), "no path in its folder: 'toy/.."),
    "here": (archive(more=[entry("toy/./README.md")]), "no path in its folder"),
    "line end": (
        archive(more=[entry("toy/a\nb")]),
        r"no path in its folder: 'toy/a\\n",
    ),
    "symbolic link": (
        archive(more=[entry("toy/l", type=tarfile.SYMTYPE, linkname="/etc/passwd")]),
        "'toy/l', which is no plain file",
    ),
    "hard link": (
        archive(more=[entry("toy/l", type=tarfile.LNKTYPE, linkname="toy/README.md")]),
        "'toy/l', which is no plain file",
    ),
    "folder": (archive(more=[entry("toy/d", type=tarfile.DIRTYPE)]), "no plain file"),
    "device": (archive(more=[entry("toy/d", type=tarfile.CHRTYPE)]), "no plain file"),
    "mode": (archive(more=[entry("toy/s", mode=0o4755)]), "with the mode 4755"),
    "no sums": (packed(tar([entry("toy/a", b"1")])), "holds no SHA256SUMS"),
    "sums that are none": (archive(listed=b"nothing\n"), "line 1 of SHA256SUMS must"),
    "sums twice": (archive(listed=sums(FILES) * 2), "line 4 of SHA256SUMS must hold"),
    "sums in bytes": (archive(listed=b"\xff\n"), "SHA256SUMS is no text"),
    "empty sums": (archive(listed=b""), "line 1 of SHA256SUMS must hold"),
    "cut": (WHOLE[: len(WHOLE) // 2], "no complete .tar.gz"),
    "cut at its checksum": (WHOLE[:-4], "no complete .tar.gz"),
    "cut inside": (
        packed(TAR[:1300]),
        "belong to no file",
    ),
    "bytes after it": (WHOLE + b"more", "belong to no file: 4 after the end"),
    "zeros after it": (WHOLE + bytes(512), "belong to no file: 512 after the end"),
    "zeros in it": (packed(TAR + bytes(10240)), "bytes after its last file"),
    "its end cut": (packed(TAR[:-512]), "bytes after its last file"),
    "padding": (packed(padded(TAR)), "'toy/README.md' with another header or padding"),
    "executable": (archive(mode=0o755), "with another header"),
    "a user": (archive(uid=7), "with another header"),
    "a user's name": (archive(uname="me"), "with another header"),
    "a group's name": (archive(gname="us"), "with another header"),
    "a time": (archive(mtime=7), "with another header"),
    "a part of a second": (archive(mtime=0.5), "with another header"),
    "a link's name": (archive(linkname="x"), "with another header"),
    "a pax header": (archive(pax_headers={"comment": "x"}), "with another header"),
    "order": (
        packed(tar([entry(f"toy/{n}", c) for n, c in reversed(LISTED.items())])),
        "another order",
    ),
    "a name in the .gz": (packed(TAR, "toy.tar"), "another header than"),
    "a time in the .gz": (packed(TAR, mtime=7), "another header than"),
    "recompressed": (gzip.compress(TAR, mtime=0), "another header than"),
    "a stream after it": (WHOLE + packed(b"more"), "belong to no file"),
    "a tar after it": (WHOLE + packed(tar([entry("toy/x")])), "belong to no f"),
    "a bad header": (
        packed(TAR[:1024] + b"x" * 512 + TAR[1536:]),
        "belong to no",
    ),
    "a flipped bit": (WHOLE[:50] + bytes([WHOLE[50] ^ 1]) + WHOLE[51:], "no complete"),
    "empty": (b"", "no complete .tar.gz|belong to no file"),
    "no gzip": (TAR, "no complete .tar.gz"),
    "no tar": (packed(b"text"), "no complete .tar.gz"),
    "no member": (packed(tar([])), "belong to no file"),
}


def test_a_whole_archive(tmp_path):
    path = tmp_path / "a.tar.gz"
    path.write_bytes(WHOLE)
    assert verify(path) == len(FILES)


def test_a_script_is_executable(tmp_path):
    files = {"run": b"#!/bin/sh\n"}
    whole = {"SHA256SUMS": sums(files)} | files
    path = tmp_path / "a.tar.gz"
    for mode, fits in ((0o755, True), (0o644, False)):
        entries = [entry(f"toy/{n}", c) for n, c in whole.items()]
        entries[1][0].mode = mode
        path.write_bytes(packed(tar(entries)))
        if fits:
            assert verify(path) == 1
        else:
            with pytest.raises(ValueError, match="'toy/run' with another header"):
                verify(path)


def test_an_archive_that_unpacks_to_too_much_is_not_unpacked(tmp_path, monkeypatch):
    path = tmp_path / "a.tar.gz"
    path.write_bytes(packed(bytes(10**8)))
    monkeypatch.setattr(verification, "MOST", 10**6)
    tracemalloc.start()
    with pytest.raises(ValueError, match="unpacks to more than"):
        verify(path)
    assert tracemalloc.get_traced_memory()[1] < 10**7
    tracemalloc.stop()


@pytest.mark.parametrize("how", DAMAGED)
def test_a_changed_archive(how, tmp_path):
    content, message = DAMAGED[how]
    path = tmp_path / "a.tar.gz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        verify(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_the_command(tmp_path, place):
    path = tmp_path / "a.tar.gz"
    path.write_bytes(WHOLE)
    out, err = ssmbook(place, "archive", "--verify", path)
    assert out == f"{hashlib.sha256(WHOLE).hexdigest()}  {path}\n"
    assert err == "3 files, all as SHA256SUMS lists them\n"
    path.write_bytes(DAMAGED["changed"][0])
    _, err = ssmbook(place, "archive", "--verify", path, status=1)
    assert err == f"{path} holds changed files: 'README.md'\n"
    _, err = ssmbook(place, "archive", "--verify", tmp_path / "none", status=1)
    assert "No such file" in err
    _, err = ssmbook(place, "archive", "--verify", path, "-o", tmp_path, status=2)
    assert "--verify writes nothing" in err
