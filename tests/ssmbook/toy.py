"""A toy book: these packages, one cheap notebook, one claim, a few pages."""

from __future__ import annotations

import atexit
import json
import multiprocessing
import os
import runpy
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat

PARAMETERS = """n: int = 2  # [1..9] how many
rate: float = 0.5  # [1e-6..1] a number
word: str = "a"
quick: bool = False
mode: str = "fine"  # {fine,raise,die,hang}
wait: bool = False  # until a file go lies beside the notebook, if n > 2
seed: int = 0  # [0..9]
device: str = "cpu"  # {cpu,cuda}"""

NOTEBOOK = "notebooks/part/toy.ipynb"

CODE = """import os, pathlib, time
import ssmbook
from toylib import used
pathlib.Path("begun").touch()
while wait and n > 2 and not pathlib.Path("go").exists():
    time.sleep(0.05)
if mode == "die":
    os._exit(1)
if mode == "hang":
    time.sleep(1000)
if mode == "raise" and n > 2:
    raise ArithmeticError("n is too large")
ssmbook.record("double", 2 * n, atol=0)
ssmbook.record("shifted", float(n + rate + seed), rtol=1e-6)
print(repr(word), quick, rate)"""

# Small, so that a kernel starts soon: no PyTorch.
LIBRARY = {
    "__init__": "",
    "used": "from toylib import base\n",
    "base": "",
    "unused": "",
}

PROSE = (
    "Twice is {glue:text}`double:d`. The claim is on [its page](../../book/claims.md)."
)

CLAIM = {
    "id": "twice-is-small",
    "evidence": "identity",
    "paper": "companion",
    "where": "here",
    "source": "our reading",
    "says": "twice n is at most ten",
    "expect": [{"key": "double", "between": [0, 10], "because": "arithmetic"}],
    "valid_for": {"n": [1, 8]},
    "scale": "exact",
    "verdict": "reproduced",
    "why": "It is so: {glue:text}`double:d`.",
}

CONFIG = """title: Toy
only_build_toc_files: true
execute: {execute_notebooks: "off"}
sphinx:
  recursive_update: true
  extra_extensions: [ssmbook.pages.sphinx_extension]
  config:
    html_static_path: [book/_static]
    mathjax_path: mathjax/tex-svg.js
"""

TOC = """format: jb-book
root: book/intro
chapters:
  - file: book/how-to-read
  - file: book/rerun
  - file: notebooks/part/toy
  - file: book/claims
  - file: book/effects
  - file: book/benchmarks
"""

INTRO = (
    "# Toy\n\nElsewhere, twice is {glue:text}`../notebooks/part/toy.ipynb::double:d`.\n"
)

EFFECTS = "# All trained comparisons\n\n```{forest}\n```\n"


def notebook(path: Path, code: str = CODE) -> Path:
    cell, text = nbformat.v4.new_code_cell, nbformat.v4.new_markdown_cell
    node = nbformat.v4.new_notebook(
        cells=[
            text("# A toy"),
            cell(PARAMETERS, metadata={"tags": ["parameters"]}),
            cell(code),
            text(PROSE),
            cell("1 / 0 if mode == 'late' else None"),
        ]
    )
    path.parent.mkdir(exist_ok=True, parents=True)
    nbformat.write(node, path)
    return path


def make(root: Path, place: Path) -> Path:
    """The toy repository in a folder."""
    for package in ("ssmlib", "ssmbook"):
        shutil.copytree(root / package, place / package)
    shutil.copytree(root / "book" / "_static", place / "book" / "_static")
    locks = ("requirements.lock", "requirements-torch.lock")
    for name in (*locks, "CITATION.cff", "benchmarks/results.csv"):
        (place / name).parent.mkdir(exist_ok=True)
        shutil.copy(root / name, place / name)
    ignored = "/_build/\n/runs/\n/dist/\n__pycache__/\n*.part\n"
    (place / ".gitignore").write_text(ignored, encoding="utf-8")
    (place / "_config.yml").write_text(CONFIG, encoding="utf-8")
    (place / "_toc.yml").write_text(TOC, encoding="utf-8")
    (place / "book" / "intro.md").write_text(INTRO, encoding="utf-8")
    (place / "book" / "findings.yml").write_text(
        "toy: Twice. {claim}`twice-is-small`", encoding="utf-8"
    )
    (place / "book" / "prerequisites.yml").write_text("toy: []\n", encoding="utf-8")
    (place / "book" / "how-to-read.md").write_text("# How to read\n", encoding="utf-8")
    (place / "book" / "rerun.md").write_text("# How to rerun\n", encoding="utf-8")
    (place / "book" / "effects.md").write_text(EFFECTS, encoding="utf-8")
    for name, code in LIBRARY.items():
        (place / "toylib").mkdir(exist_ok=True)
        (place / "toylib" / f"{name}.py").write_text(code, encoding="utf-8")
    (place / "book" / "claims").mkdir()
    (place / "book" / "claims" / "toy.yml").write_text(
        json.dumps([CLAIM]), encoding="utf-8"
    )
    notebook(place / NOTEBOOK)
    return place


def environment(place: Path) -> dict[str, str]:
    """That of a command in a repository, with the repository's own library."""
    found = os.environ | {"PYTHONPATH": str(place), "COLUMNS": "200"}
    found.pop("PYTHONDONTWRITEBYTECODE", None)
    return found


def spawn(place: Path, *arguments: str, **options) -> subprocess.Popen:
    """`ssmbook` with arguments as its user starts it, in a Python of its own."""
    command = [sys.executable, "-m", "ssmbook.cli", *map(str, arguments)]
    return subprocess.Popen(
        command,
        cwd=place,
        env=environment(place),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        **options,
    )


# What others wrote takes longer to import than a command to run. A server imports it
# once and forks each command, which imports its repository's own.
SERVER = multiprocessing.get_context("forkserver")
IMPORTED_ONCE = """IPython distributed filelock fsspec.implementations.local grimp
jinja2.ext matplotlib.backends.backend_svg matplotlib.figure mistune.plugins.def_list
mistune.plugins.task_lists mistune.plugins.url nbconvert pandas papermill
pyarrow.parquet pydantic.dataclasses pydantic.json_schema pydantic.main
pydantic.plugin._schema_validator pygments.lexers.python pygments.styles.default
pygments.unistring rich.progress rich.table rocrate.rocrate scipy.stats typer"""
SERVER.set_forkserver_preload(IMPORTED_ONCE.split())


def _forked(
    module: str, place: Path, arguments: list[str], names: dict[str, str], said: list
):
    os.environ.clear()
    os.environ.update(names)
    os.chdir(place)
    sys.path.insert(0, str(place))
    sys.dont_write_bytecode = False
    sys.argv = [module, *arguments]
    for number, name in enumerate(said, start=1):
        os.dup2(os.open(name, os.O_WRONLY), number)
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def fork(module: str, place: Path, *arguments: str, said: list):
    """Start a module as a command in a repository; said: files of stdout and stderr."""
    given = [module, Path(place), [*map(str, arguments)], environment(place), said]
    process = SERVER.Process(target=_forked, args=given)
    process.start()
    atexit.register(process.kill)  # of a test that failed: Python would wait for it
    return process


class Command:
    """`ssmbook` with arguments, forked; with names as of `subprocess.Popen`."""

    def __init__(self, place: Path, *arguments: str):
        self.said = [tempfile.NamedTemporaryFile() for _ in range(2)]
        names = [file.name for file in self.said]
        self.process = fork("ssmbook.cli", place, *arguments, said=names)
        self.pid, self.kill = self.process.pid, self.process.kill

    @property
    def returncode(self) -> int | None:
        return self.process.exitcode

    def line(self, timeout: float = 600) -> str:
        """Wait for the first line of its stderr."""
        path, end = Path(self.said[1].name), time.monotonic() + timeout
        while b"\n" not in path.read_bytes() and self.returncode is None:
            assert time.monotonic() < end, "it says nothing"
            self.process.join(timeout=0.02)
        return self.said[1].readline().decode()

    def communicate(self, timeout: float = 900) -> tuple[str, str]:
        self.process.join(timeout)
        assert self.returncode is not None, "it goes on"
        out, err = (file.read().decode() for file in self.said)
        return out, err


def ssmbook(place: Path, *arguments: str, status: int = 0) -> tuple[str, str]:
    """A command, to the end; (stdout, stderr), the exit status being as expected."""
    process = Command(place, *arguments)
    text = process.communicate()
    assert process.returncode == status, (process.returncode, *text)
    return text


def documents(place: Path, name: str = "run.json") -> dict[str, dict]:
    """Every whole run's document by folder name."""
    paths = (place / "runs" / "toy").glob(f"*/{name}")
    return {
        path.parent.name: json.loads(path.read_text(encoding="utf-8")) for path in paths
    }
