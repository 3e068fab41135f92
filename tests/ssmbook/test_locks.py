"""Lock files: how they are read, and which files of an index they list."""

import os
import re
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from ssmbook.publish import locks

SUM = f"--hash=sha256:{'0' * 64}"


def test_pins_with_and_without_checksums(tmp_path):
    lock = tmp_path / "requirements.lock"
    lock.write_text(
        f"# comment\n\na==1.0 \\\n    {SUM} \\\n    {SUM}\nb_c==2.post1 {SUM}\nD==3\n",
        encoding="utf-8",
    )
    assert locks.pins(lock) == {"a": "1.0", "b_c": "2.post1", "D": "3"}


@pytest.mark.parametrize(
    "line", ["a>=1", "a", "a==1.*", "a==1,<2", "-r other", "a==1 x"]
)
def test_what_is_no_pin_is_named(line, tmp_path):
    lock = tmp_path / "requirements.lock"
    lock.write_text(f"{line}\n", encoding="utf-8")
    with pytest.raises(
        ValueError, match=r"requirements\.lock: '.*' (is no pin|must be)"
    ):
        locks.pins(lock)


@pytest.mark.parametrize("name", locks.HASHED)
def test_every_package_has_checksums(name, root):
    text = (root / name).read_text(encoding="utf-8").replace("\\\n", " ")
    assert len(text.splitlines()) == len(locks.pins(root / name))
    for line in text.splitlines():
        assert re.fullmatch(r"\S+==\S+( +--hash=sha256:[0-9a-f]{64})+", line), line


def test_torch_has_none_and_stands_alone(root):
    text = (root / "requirements-torch.lock").read_text(encoding="utf-8")
    assert re.fullmatch(r"torch==[0-9.]+\n", text)
    assert "torch" not in locks.pins(root / "requirements.lock")


@pytest.mark.parametrize(
    ("filename", "listed"),
    [
        ("a-1.0.tar.gz", True),
        ("a-1.0.zip", True),
        ("a-1.0-py3-none-any.whl", True),
        ("a-1.0-py2.py3-none-any.whl", True),
        ("a-1.0-cp311-cp311-macosx_11_0_arm64.whl", True),
        ("a-1.0-cp313-cp313-win_amd64.whl", True),
        ("a-1.0-cp39-abi3-manylinux_2_17_x86_64.whl", True),
        ("a-1.0-cp312-abi3-manylinux_2_17_x86_64.whl", True),
        ("a-1.0-cp310-cp310-manylinux_2_17_x86_64.whl", False),
        ("a-1.0-cp313-cp313t-manylinux_2_17_x86_64.whl", False),
        ("a-1.0-cp314-cp314-manylinux_2_17_x86_64.whl", False),
        ("a-1.0-cp314-abi3-manylinux_2_17_x86_64.whl", False),
        ("a-1.0-pp311-pypy311_pp73-win_amd64.whl", False),
        ("a-1.0-py2-none-any.whl", False),
        ("a-1.1-py3-none-any.whl", False),
        ("a-1.0.win32-py2.4.exe", False),
    ],
)
def test_files_for_a_supported_python_are_listed(filename, listed):
    assert locks.wanted(filename, "1.0") == listed


@pytest.mark.network
@pytest.mark.parametrize("name", ["requirements-pip.lock", "requirements-data.lock"])
def test_the_index_lists_the_same_checksums(name, root):
    text = locks.written(root / name, "https://pypi.org/simple")
    assert (root / name).read_text(encoding="utf-8") == text


@pytest.mark.network
def test_a_version_that_the_index_does_not_have():
    with pytest.raises(ValueError, match=r"lists no file of pip 0\.0\.0"):
        locks.checksums("pip", "0.0.0", "https://pypi.org/simple")


#: PyPI has PyTorch for Linux with gigabytes of CUDA libraries
CPU_BUILDS = "https://download.pytorch.org/whl/cpu"


def pip(python: Path | str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run pip with `CPU_BUILDS` as its one index."""
    others = ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_CONSTRAINT", "PIP_NO_INDEX")
    own = {name: value for name, value in os.environ.items() if name not in others}
    options = ("--retries=1", "--timeout=20", f"--index-url={CPU_BUILDS}")
    return subprocess.run(
        [python, "-m", "pip", *arguments, *options],
        env=own | {"PIP_CONFIG_FILE": os.devnull},
        capture_output=True,
        encoding="utf-8",
    )


def torch_requirement(root: Path) -> Requirement:
    content = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = map(Requirement, content["project"]["dependencies"])
    (own,) = [requirement for requirement in wanted if requirement.name == "torch"]
    return own


def oldest(listed: str, requirement: Requirement) -> Version:
    """The lowest version that `pip index versions` lists and a requirement allows."""
    line = re.search(r"^Available versions: (.*)$", listed, re.M)
    assert line, listed
    found = [Version(version) for version in line[1].split(", ")]
    return min(version for version in found if version in requirement.specifier)


def test_the_oldest_torch_is_the_lowest_that_is_allowed():
    listed = "torch (2.13.0)\nAvailable versions: 2.13.0+cpu, 2.9.1+cpu, 2.8.0\n"
    assert oldest(listed, Requirement("torch>=2.9")) == Version("2.9.1+cpu")
    assert oldest(listed, Requirement("torch>=2.11")) == Version("2.13.0+cpu")


def test_the_locked_torch_is_allowed(root):
    locked = locks.pins(root / "requirements-torch.lock")["torch"]
    assert locked in torch_requirement(root).specifier


@pytest.mark.network
def test_the_library_works_with_the_oldest_torch_that_it_allows(root, tmp_path):
    """Its fast tests, with all other packages as they are installed here."""
    listed = pip(sys.executable, "index", "versions", "torch")
    if listed.returncode:
        reason = listed.stderr.strip().splitlines()[-1]
        pytest.skip(f"{CPU_BUILDS} does not list PyTorch: {reason}")
    version = oldest(listed.stdout, torch_requirement(root))
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    scheme = {"vars": {"base": str(tmp_path / "venv")}, "scheme": "venv"}
    python = Path(sysconfig.get_path("scripts", **scheme)) / "python"
    site = Path(sysconfig.get_path("purelib", **scheme))
    done = pip(python, "install", "--no-deps", "--no-compile", f"torch=={version}")
    assert done.returncode == 0, done.stderr
    # The other packages are found after its own, and count as installed ones.
    others = f"site.PREFIXES.append({sys.prefix!r})"
    others += f"; site.addsitedir({sysconfig.get_path('purelib')!r})"
    (site / "others.pth").write_text(f"import site; {others}\n", encoding="utf-8")
    call = [python, "-m", "pytest", "-n", "auto", "-p", "no:cacheprovider"]
    call += ["-m", "not slow and not network and not browser", "tests/ssmlib"]
    test = [python, "-c", "import torch; print(torch.__version__)"]
    said = subprocess.run(test, cwd=root, capture_output=True, encoding="utf-8")
    assert Version(said.stdout.strip()) == version, said.stderr
    run = subprocess.run(call, cwd=root, capture_output=True, encoding="utf-8")
    assert run.returncode == 0, run.stdout[-8000:] + run.stderr[-2000:]
