"""One reproducible tar: the repository at a commit, its book, records, checksums."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import shutil
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import yaml

from ssmlib.companion import build, provenance
from ssmlib.companion.records import records
from ssmlib.companion.tree import Page, assemble

_ROW = re.compile(r"^\| (`[a-z].*?) \| (.*?) \| .*? \| (.*?) \| (.*?) \|$", re.M)
_ROLE = re.compile(r" ?\{[a-z:]+\}`[^`]*`")


def data_sets(page: str) -> list[dict[str, str]]:
    """What the page on data lists: name, description and licence of each row."""
    return [
        {
            "name": name.replace("`", ""),
            "description": f"{_ROLE.sub('', what)}; from {_ROLE.sub('', source)}",
            "license": licence,
        }
        for name, what, source, licence in _ROW.findall(page)
    ]


def archive(root: Path, output: Path, say: build.Say) -> Path:
    """Write the archive of the commit that is checked out; its path.

    Notebooks are archived as committed and the book is built from them with execution
    off. The same commit gives the same bytes. Raises ValueError outside git, or where
    anything but ignored files differs from the commit.
    """
    from ssmlib.companion import crate

    commit = provenance.git(root, "rev-parse", "HEAD")
    if commit is None:
        raise ValueError(f"{root} is no git repository: there is no commit to archive")
    changed = provenance.git(root, "status", "--porcelain")
    if changed:
        raise ValueError(f"the tree is not clean; commit or remove:\n{changed}")
    epoch = int(provenance.git(root, "show", "-s", "--format=%ct", "HEAD") or 0)
    citation = yaml.safe_load((root / "CITATION.cff").read_text())
    name = f"ssmbegin-{citation['version']}"
    work = root / "_build" / "archive"
    shutil.rmtree(work, ignore_errors=True)
    folder = work / name

    for file in (provenance.git(root, "ls-files", "-z") or "").split("\0"):
        if file:
            target = folder / "source" / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / file, target)
    say("building the book from the stored outputs")
    sources = build.notebooks(root)
    tree = work / "tree"
    judged = assemble(
        root, tree, {stem: Page(path, path) for stem, path in sources.items()}
    )
    build.strict(tree, folder / "book", SOURCE_DATE_EPOCH=str(epoch))
    found = {stem: records(path) for stem, path in sources.items()}
    _json(
        folder / "records.json",
        {
            stem: {k: {"value": r.value, "rtol": r.rtol} for k, r in of.items()}
            for stem, of in found.items()
        },
    )
    _json(
        folder / "claims.json",
        [{"claim": j.claim.id, "verdict": j.found, "values": j.values} for j in judged],
    )
    lock = (root / "requirements.lock").read_text().split()
    _json(
        folder / "environment.json",
        {"commit": commit, "python": "3.11", "packages": lock},
    )
    crate.describe(
        folder,
        citation,
        datetime.fromtimestamp(epoch, UTC).isoformat(),
        {stem: {k: r.value for k, r in of.items()} for stem, of in found.items()},
        judged,
        data_sets((root / "book" / "data.md").read_text()),
    )
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    sums = [
        f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.relative_to(folder)}\n"
        for p in files
    ]
    (folder / "SHA256SUMS").write_text("".join(sums))
    output.mkdir(parents=True, exist_ok=True)
    target = output / f"{name}.tar.gz"
    target.write_bytes(_tar(folder, epoch))
    shutil.rmtree(work)
    return target


def _json(path: Path, found) -> None:
    path.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")


def _tar(folder: Path, epoch: int) -> bytes:
    """The folder as .tar.gz; order, owners, modes and dates do not vary."""
    buffer = io.BytesIO()
    with (
        gzip.GzipFile("", "wb", fileobj=buffer, mtime=epoch) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            info = tarfile.TarInfo(str(path.relative_to(folder.parent)))
            info.size, info.mtime = path.stat().st_size, epoch
            info.mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
            with path.open("rb") as file:
                tar.addfile(info, file)
    return buffer.getvalue()
