"""Lock files: how they are read, and which files of an index they list."""

import re

import pytest

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
