"""The page *Initialize and audit any layer*: its code runs, its numbers are right."""

import math
import re

import numpy as np
import pytest

from ssmlib.adapters import audit, kinds, unregister
from tests.conftest import ROOT

TEXT = (ROOT / "book" / "adapters.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture
def page():
    """The names that the code of the page leaves."""
    names = {"__name__": "page"}
    try:
        for block in BLOCKS:
            exec(block, names)
        yield names
    finally:
        if "moving-average" in kinds():
            unregister("moving-average")


def test_the_code_of_the_page_runs(page):
    assert len(page["report"].changed) == 2
    assert page["params"]["nu_log"].dtype == np.float32
    assert (np.exp(-np.exp(page["params"]["nu_log"])) >= 0.9 - 1e-6).all()
    same = page["found"].compare(audit(page["trained"]))
    assert list(same.what) == ["nothing moved"] * 2
    assert page["found"].warnings == ()
    (law,) = audit(page["mamba"]).rows
    assert law["verdict"] == "as published"
    (row,) = audit(page["layer"]).rows
    assert row["kind"] == "moving-average"
    assert row["verdict"] == "as published"
    with pytest.raises(page["Refused"], match="nearest possible is real=-1e-4"):
        page["initialize_"](page["layer"], page["Initialization"]("real", real=0.0))


def test_an_adapter_takes_20_lines():
    (block,) = (b for b in BLOCKS if "class MovingAverage" in b)
    own = block[block.index("class ") : block.index("\n\n\nregister")]
    assert len([line for line in own.splitlines() if line]) <= 20


def test_the_numbers_of_the_table():
    """Medians of 1 / (A dt) on a grid of both quantiles, exact to the digits shown."""
    shares = (np.arange(2000) + 0.5) / 2000
    dt = 1e-3 * 100**shares
    one = math.log1p(math.e)
    wanted = [
        np.median(1 / np.outer(1 + 15 * shares, dt)),
        np.median(1 / np.outer(np.arange(1, 129), dt)),
        np.median(1 / (one * (1 + 15 * shares))),
        1 / math.log(2),
    ]
    table = TEXT[
        TEXT.index("## Memory of some laws") : TEXT.index("## Kinds of layers")
    ]
    shown = re.findall(r"\| ([\d.]+) \|$", table, re.MULTILINE)
    assert len(shown) == 4
    for text, value in zip(shown, wanted, strict=True):
        digits = len(text.split(".")[1])
        assert float(text) == pytest.approx(value, abs=0.51 * 10**-digits)


def test_every_kind_is_listed():
    table = TEXT[TEXT.index("## Kinds of layers") :]
    listed = re.findall(r"^\| (`[^|]*) \|", table, re.MULTILINE)
    names = [name for row in listed for name in re.findall(r"`([^`]+)`", row)]
    assert sorted(names) == sorted(kinds())
