"""The page reads a pasted table, and doubts its values, as the library does."""

import pytest
import torch

from ssmlib import _doubts
from ssmlib.tasks import own
from tests.conftest import ROOT
from tests.ssmlib.test_doubts import MASKED, normal, process
from tests.ssmlib.test_doubts import inputs as processes

pytestmark = pytest.mark.browser

COMMA = "t;temp;flow\n1;1,5;987\n2;2,5;1.012\n3;3,5;1.150\n"
#: tables whose last column both read alike, or refuse
TABLES = [
    "x\n1\n2\n",
    "-1.5\n2\n3",
    "\ufeffx\n1\n2\n",
    "x\r1\r2\r",
    "x\n+1.5e3\n.5\n5.\n",
    "a,1\nb,2\n",
    "2020-01-01,1.5\n2020-01-02,2\n",
    "date,2019,2020\n2020-01-01,1.5,3\n2020-01-02,2,4\n",
    ' t , "x" \n1,2\n3,4\n',
    "t\tx\n1\t2\n3\t4\n",
    "# a file\n#\n\nt,x\n1,2\n3,4\n\n\n",
    "# a b\n1.0  2.0\n 3.0 4.0\n",
    "sep=;\nt;x\n1;2\n",
    ",0,1\n0,1.5,2\n1,2.5,3\n",
    # decimal commas
    "x\n1,5\n2,5\n",
    "d;v\n2020-01-01;1,5\n2020-01-02;2,25\n",
    # separators of thousands
    COMMA,
    COMMA.replace("987", "1.000"),
    COMMA.replace("987", "-1.987"),
    COMMA.replace("2,5", "1.234,5"),
    COMMA.split("\n", 1)[1],
    'a,b\n"1,5",1.000\n"2,5",2\n',
    "a;b\n1.234.567;1.000\n5;2\n",
    "x\n987\n1.012\n1.150\n",
    "x\n1.012\n1.150\n-5\n",
    "t;x\n1;987\n2;1.012\n",
    "987\n1.012\n",
    "t;x\n1,5;1.012\n2.5;1.150\n",
    "t;x\n1,500;1.012\n2,500;1.150\n",
    'x\n"1,234"\n"2,345"\n',
    't,x\n1,"1,234"\n2,"2"\n',
    't,x\n1,"1,234.5"\n',
    '1,"1,234"\n2,"2,345"\n',
    "t;x\n1;1.500,5\n2;2\n",
    "x\n1'234\n",
    "x\n1 234\n2 456\n",
    # decimal points that stay decimal points
    "x\n1.012\n1.150\n",
    "x\n987\n1.012\n1.15\n",
    "x\n1234\n1.125\n",
    "x\n1.000e0\n2\n",
    't,x\n"1,234,567",1.125\n1,2\n',
    "t;x\n1,5;1.5\n2,5;1.125\n",
    "t;x\na, b;1.125\n.;1.250\n",
    # gaps, text, and others that are no numbers
    "x\n1\n\n2\n",
    "x\n1\nNA\n2\n",
    "NA\n1\n2\n",
    "# c\nt,x\n1,2\n3\n",
    "x\n1\n-inf\n",
    "x\n1\n1e400\n",
    "x\n1\n# no\n",
    "x\n1 m\n2 m\n",
    "x\n1_000\n2\n",
    "x\n12:30\n12:31\n",
    "x\nTrue\nFalse\n",
    "t,x\n1,2\n3,4,5\n",
    'x\n"1.5\n2\n',
    "x\n9007199254740993\n2\n",
    "x\n99999999999999999999\n2\n",
    "x\n",
    # first lines with two readings
    "(1.5)\n2.5\n3.5\n",
    "1\t$1.5\n2\t2.5\n",
    "\u22121.5\n2.5\n",
    "?\n1\n2\n",
    "PM2.5\n1\n2\n",
    "0,1,2\n0.5,0.2,0.3\n0.1,0.3,0.4\n",
    "1,2,3\n0.5,0.2,0.3\n0.1,0.3,0.4\n",
    "0,1,2\n1,2,3\n2,3,4\n",
    "1,2,3\n4,5,6\n",
    ",1,2\n0,5,6\n1,7,8\n",
]


@pytest.fixture(scope="module")
def js(browser):
    page = browser.new_page()
    for name in ("table", "doubts"):
        page.add_script_tag(path=ROOT / "book" / "_static" / "live" / f"{name}.js")
    yield page.evaluate
    page.close()


def last_column(path, columns):
    """The values of the last of some columns, asked for as a user would; or None."""
    numbers = [str(columns), str(columns - 2)]  # pandas counts them from 0
    names = path.read_text(encoding="utf-8-sig").replace("\r", "\n").split("\n")
    headers = [line for line in names if line.strip() and line[0] not in "#s"]
    last = headers[0].replace("\t", ",").replace(";", ",").split(",")[-1]
    for column in (None,) if columns == 1 else (*numbers[:1], last.strip(' "')):
        try:
            return own.load(str(path), column).tolist()
        except ValueError as error:
            if "column must be one of" not in str(error):
                return None
    return None


@pytest.mark.parametrize("text", TABLES)
def test_a_table_is_read_or_refused_alike(js, text, tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode())
    found = js("text => ssm.numbers(text)", text)
    columns = found.get("columns") or max(
        len(line.replace("\t", ";").split(";" if ";" in text else ","))
        for line in text.replace("\t", ";").split("\n")
        if not line.startswith("#")
    )
    expected = last_column(path, columns)
    assert found.get("values") == expected, found
    assert bool(found.get("problem")) == (expected is None)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("1\n\n2", "has no value in line 2"),
        ("1\nNA\n3", "has no value in line 2"),
        ("1e400\n2", 'has "1e400" in line 1'),
        ("0x10\n1", 'has "0x10" in line 1'),
        ("t,x\n1,\n2,3", "has no value in line 2"),
        # A user of the command names the column, which decides.
        ("1,5\n2,5", "may have decimal commas"),
        ("t;x\n1;987\n2;1.012", "has 1.012 in line 3, which may have a decimal point"),
        (
            "-9\n1,234\n2,345",
            "has 1,234 in line 2, which may be a decimal or a thousands",
        ),
        ("1 2\n3 4 5", "has 3 columns in line 2 and 2 in its first line"),
        ("a,b\n1,2\n3,4,5", "has 3 columns in line 3 and 2 in its first line"),
    ],
)
def test_a_refusal_names_the_line(js, text, problem):
    assert problem in js("t => ssm.numbers(t)", text)["problem"]


def test_no_text_is_no_problem_yet(js):
    empty = {"values": [], "columns": 0, "notes": []}
    assert js("() => ssm.numbers(' \\n\\n')") == empty


def test_a_guess_is_stated(js):
    for text, guess in (
        (COMMA, "separators of thousands"),
        ("x\n1,5", "decimal commas"),
        ("x\n1.012\n1.150\n", "read as decimal points"),
    ):
        assert guess in js("t => ssm.numbers(t)", text)["notes"][0]
    for plain in ("x\n1.5\n2.5\n", "t,x\n1,1.012\n2,1.150\n"):
        assert js("t => ssm.numbers(t)", plain)["notes"] == []


def test_both_have_the_same_codes(js):
    assert js("() => ssm.CODES") == list(_doubts._CODES)


def values(case):
    x = process(processes.ar1(0.9))(0, 4000).double()
    for at, value in MASKED[case][0].items():
        x[at] = value
    return x


def few(*put):
    x = normal(0, 900).round(decimals=3)
    for k, value in enumerate(put):
        x[17 + 5 * k] = value
    return x


DOUBTED = {
    **{case: values(case) for case in MASKED},
    **{f"{case}, shifted": 1e-3 * values(case) + 50 for case in MASKED},
    **{f"code {code:g}": few(code) for code in _doubts._CODES},
    "codes": few(-9999.0, -9999.0, 9999.0),
    "an error": few(1234.5),
    "none": few(),
    "a code among large values": 5000 * few(-0.1998).abs(),
    "few values": torch.tensor([0.0, 1.0]).repeat(200).double(),
    "constant": torch.ones(90).double(),
    "extreme": few() * 1e300,
    "small": few(7.0) * 1e-300,
    "codes only": torch.full((90,), -999.0).double(),
    "rain": torch.where(normal(1, 900) > 1.3, normal(2, 900).abs(), 0),
}


@pytest.mark.parametrize("case", DOUBTED)
def test_values_are_doubted_alike(js, case):
    x = DOUBTED[case]
    assert js("x => ssm.doubtsOfValues(x)", x.tolist()) == list(_doubts.of_values(x))
