"""One reproducible tar: the repository at a commit, its book, records, checksums."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import subprocess
import tarfile
from datetime import UTC, datetime
from pathlib import Path

from ssmbook.book import build
from ssmbook.book.assembly import assemble
from ssmbook.ledger import data
from ssmbook.notebook import strict_yaml
from ssmbook.notebook.chapters import chapters
from ssmbook.publish import crate, environment, locks, verify
from ssmbook.publish.datasets import registered
from ssmbook.runs import folders, provenance, sharing
from ssmbook.runs.stores import replace, sha256, writable

_README = """# {title}

Commit {commit}, packed by `make archive`.

- `book/index.html`: the book, built from the notebooks as committed. Open it.
- `source/`: the repository at that commit; its README says how to run it.
- `records.json`, `claims.json`: every recorded figure, every verdict.
- `environment.json`: the versions this was made with.
- `ro-crate-metadata.json`: what each file is, on which data, under which licence.

Is it whole? `ssmbook archive --verify` of the packed file says so, or here
`sha256sum --check --quiet SHA256SUMS`, which does not see an added file.
Is it that commit? In a clone, `git checkout {commit}` and `make archive` print
the checksum of this very file.
"""


def pack(root: Path, output: Path, say: build.Say) -> Path:
    """Write the archive of the commit that is checked out; its path.

    Notebooks are archived as committed and the book is built from them with execution
    off. The same commit gives the same bytes. Raises ValueError for a bad output
    folder, outside git, where anything but ignored files differs from the commit, or a
    package from the lock.
    """
    folders.check_output(root, output)
    commit = provenance.commit(root)
    if commit is None:
        raise ValueError(f"{root} is no git repository of yours: no commit to archive")
    changed = provenance.git(root, "status", "--porcelain", "-unormal")
    if changed:
        raise ValueError(f"the tree is not clean; commit or remove:\n{changed}")
    missed = [f for f in (environment.python(), *environment.packages(root)) if f.fix]
    if missed:
        wrong = "\n".join(f"{f.what}: {f.status}" for f in missed)
        raise ValueError(f"this is not the environment of the lock:\n{wrong}")
    writable(output)
    # A folder of this call alone, whatever a call that was killed has left there.
    with sharing.lock(root / "_build"):
        work = root / "_build" / "archive"
        shutil.rmtree(work, ignore_errors=True)
        try:
            return _pack(root, commit, work, output, say)
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _pack(root: Path, commit: str, work: Path, output: Path, say: build.Say) -> Path:
    """Write the archive of a commit, by way of a folder for work."""
    packed = work / "source"
    _committed(root, commit, packed)
    epoch = int(provenance.git(root, "show", "-s", "--format=%ct", commit) or 0)
    citation = strict_yaml.load(packed / "CITATION.cff")
    name = f"ssmbook-{citation['version']}-{commit[:7]}"
    target = output / f"{name}.tar.gz"
    if target.is_symlink() or (target.exists() and not target.is_file()):
        raise ValueError(f"{target} is a link or a folder: remove it")
    folder = work / name
    folder.mkdir()
    source = folder / "source"
    packed.rename(source)
    say("building the book from the stored outputs")
    known, stored = chapters(source), build.stored(source)
    tree = work / "tree"
    judged = assemble(source, tree, stored)
    build.strict(
        tree, folder / "book", SOURCE_DATE_EPOCH=str(epoch), PYTHONPATH=str(source)
    )
    figures = {slug: page.executed.records for slug, page in stored.items()}
    values = {slug: {k: r.value for k, r in of.items()} for slug, of in figures.items()}
    _json(
        folder / "records.json",
        {
            slug: {k: {"value": r.value} | r.tolerance for k, r in of.items()}
            for slug, of in figures.items()
        },
    )
    _json(folder / "claims.json", data.as_data(judged))
    _json(
        folder / "environment.json",
        {
            "commit": commit,
            "python": environment.python().status,
            "packages": [f"{n}=={v}" for n, v in locks.installed(source).items()],
        },
    )
    (folder / "README.md").write_text(
        _README.format(title=citation["title"], commit=commit), encoding="utf-8"
    )
    crate.describe(
        folder,
        citation,
        datetime.fromtimestamp(epoch, UTC).isoformat(),
        {known[slug].document: of for slug, of in values.items()},
        {slug: chapter.document for slug, chapter in known.items()},
        judged,
        [entry for entry in registered() if entry["package"]],
    )
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    sums = [f"{sha256(p.read_bytes())}  {p.relative_to(folder)}\n" for p in files]
    (folder / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")
    replace(target, _tar(folder, epoch))
    return target


def _committed(root: Path, commit: str, folder: Path) -> None:
    """Write the files of a commit: some in the checkout may be hidden from git.

    Raises ValueError for links and submodules, whose content is not in the commit.
    """
    listed = provenance.git(root, "ls-tree", "-r", commit) or ""
    for line in listed.splitlines():
        if line[:6] in ("120000", "160000"):
            raise ValueError(f"links cannot be archived: {line.partition(chr(9))[2]}")
    call = ["git", "-c", "core.autocrlf=false", "archive", "--format=tar", commit]
    packed = subprocess.run(
        call,
        cwd=root,
        check=True,
        capture_output=True,
        env=provenance.git_environment(),
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        tar.extractall(folder, filter="data")


def _json(path: Path, content) -> None:
    text = json.dumps(content, indent=1, sort_keys=True) + "\n"
    path.write_text(text, encoding="utf-8")


def _tar(folder: Path, epoch: int) -> bytes:
    """The folder as .tar.gz; order, owners, modes and dates do not vary."""
    buffer = io.BytesIO()
    with (
        gzip.GzipFile("", "wb", fileobj=buffer, mtime=epoch) as packed,
        tarfile.open(
            fileobj=packed, mode="w", format=tarfile.PAX_FORMAT, encoding="utf-8"
        ) as tar,
    ):
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            content = path.read_bytes()
            name = path.relative_to(folder.parent).as_posix()
            tar.addfile(verify.entry(name, content, epoch), io.BytesIO(content))
    return buffer.getvalue()
