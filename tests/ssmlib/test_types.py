"""Types are shipped, and `make lint` checks them in the packages and in a user's code.

`user_code.py` and `user_typos.py` say what a user may write and what pyright reports.
"""

import re
import tomllib
from pathlib import Path

import pytest

from tests.conftest import ROOT

HERE = Path(__file__).parent


def test_types_are_shipped():
    assert (ROOT / "ssmlib" / "py.typed").is_file()


@pytest.mark.parametrize(
    "path",
    [ROOT / "ssmlib", ROOT / "ssmbook", HERE / "user_code.py", HERE / "user_typos.py"],
)
def test_pyright_reads_it(path):
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    included = tomllib.loads(text)["tool"]["pyright"]["include"]
    assert path.relative_to(ROOT).as_posix() in included
    assert path.exists()


def test_a_typo_that_pyright_does_not_report_is_an_error():
    """A comment ignores one error by name, and one that ignores none is an error."""
    text = (HERE / "user_typos.py").read_text(encoding="utf-8")
    assert "\n# pyright: reportUnnecessaryTypeIgnoreComment=true\n" in text
    assert len(re.findall(r"  # pyright: ignore\[\w+(?:, \w+)*\]$", text, re.M)) >= 25
    assert text.count("# pyright: ") == 1 + text.count("# pyright: ignore[")
