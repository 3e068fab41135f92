"""The page How to rerun: every box headed `tested` runs as it stands."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import nbformat
import pytest
import yaml

PAGE = Path(__file__).resolve().parents[2] / "book" / "rerun.md"
BOX = re.compile(r"```\{code-block\} bash\n:caption: (tested[^\n]*)\n(.*?)```", re.S)
BOXES = [text for _, text in BOX.findall(PAGE.read_text(encoding="utf-8"))]


@pytest.fixture
def clone(root, tmp_path):
    """This repository's files, its environment, and a stand-in for srun."""
    folder = tmp_path / "clone"
    folder.mkdir()
    for name in ("ssmlib", "ssmbook", "notebooks", "book", "benchmarks"):
        shutil.copytree(root / name, folder / name)
    locks = ("requirements.lock", "requirements-torch.lock")
    for name in (*locks, "_config.yml", "_toc.yml"):
        shutil.copy(root / name, folder / name)
    (folder / ".venv").symlink_to(root / ".venv")
    (folder / "bin").mkdir()
    (folder / "bin" / "srun").write_text(
        '#!/bin/sh\nshift\nexec "$@"\n', encoding="utf-8"
    )
    (folder / "bin" / "srun").chmod(0o755)
    return folder


def bash(folder, script):
    environment = os.environ | {
        "PYTHONPATH": str(folder),
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
    }
    call = ["bash", "-euo", "pipefail", "-c", script]
    # A file, for what a failed script leaves running would hold a pipe open.
    with tempfile.TemporaryFile("w+", encoding="utf-8") as said:
        run = subprocess.Popen(
            call,
            cwd=folder,
            env=environment,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            run.wait(timeout=300)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(run.pid, signal.SIGTERM)
        said.seek(0)
        text = said.read()
    assert run.returncode == 0, text
    return text


@pytest.mark.slow
def test_the_boxes_run_in_their_order(clone):
    """One reader's session: later boxes ask for the runs of earlier ones."""
    if not (clone / ".venv" / "bin" / "ssmbook").exists():
        pytest.skip("the page's commands are those of an environment in .venv")
    for box in BOXES:
        said = bash(clone, box)
        if "sweep questions" in box and "sweep.sh" not in box:
            assert " 0 failed" in said
    assert "2 runs: 2 complete" in bash(clone, "bash runs/sweep.sh")


def test_every_command_is_in_a_tested_box_or_made_by_make():
    """What no box tests takes a GPU, a cluster, or many minutes."""
    assert len(BOXES) >= 8
    text = BOX.sub("", PAGE.read_text(encoding="utf-8"))
    slow = "cuda|8786|-o runs/mine|check runs/mine|L_max=8192|build --pdf"
    for line in re.findall(r"^(\S*ssmbook .*)$", text, re.M):
        assert re.search(slow, line), line


def test_the_cluster_file_is_yaml():
    (text,) = re.findall(
        r"```yaml\n# cluster.yml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S
    )
    assert yaml.safe_load(text)["kind"] == "DaskCluster"


def test_what_a_reviewer_falsifies_is_an_output(root):
    page = (root / "book" / "review.md").read_text(encoding="utf-8")
    ((old, new, name),) = re.findall(r"sed -i 's/(.*?)/(.*?)/' (\S+)", page)
    changed = [
        cell
        for cell in nbformat.read(root / name, 4).cells
        if cell.cell_type == "code" and old in str(cell.outputs)
    ]
    assert len(changed) == (root / name).read_text(encoding="utf-8").count(old) == 1
    assert "nbval-ignore-output" not in changed[0].metadata.get("tags", [])
    assert old != new
