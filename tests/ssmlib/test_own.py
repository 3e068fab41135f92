"""Files of users: each guess about one is stated, or the file is refused."""

import re

import numpy as np
import pandas
import pytest
import torch

from ssmlib.tasks import own


def load(folder, name, content, column=None):
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return own.read(str(path), column)


@pytest.mark.parametrize(
    ("content", "column", "values", "guess"),
    [
        ("x\n1\n2\n", None, [1, 2], "header, with the name 'x'"),
        ("-1.5\n2\n3", None, [-1.5, 2, 3], "no header"),
        ("2020-01-01,1.5\n2020-01-02,2\n", "2", [1.5, 2], "no header"),
        ("a,1\nb,2\n", "2", [1, 2], "no header"),
        ("date,2019,2020\n2020-01-01,1.5,3\n2020-01-02,2,4\n", "2020", [3, 4], ""),
        ("2019,2020\n1.5,3\n2,4\n", "2020", [3, 4], ""),
        (",x\n0,1\n1,2\n", "x", [1, 2], ""),
        ("t,x,x\n1,2,3\n3,4,5\n", "t", [1, 3], ""),
        (' t , "x" \n1,2\n3,4\n', "x", [2, 4], ""),
        ('"x"\n"1.5"\n"2"\n', None, [1.5, 2], "with the name 'x'"),
        ("t\tx\n1\t2\n3\t4\n", "x", [2, 4], "tabs"),
        ("d;v\n2020-01-01;1,5\n2020-01-02;2,25\n", "v", [1.5, 2.25], "decimal commas"),
        ("x\n1,5\n2,5\n", None, [1.5, 2.5], "decimal commas"),
        ("sep=;\nt;x\n1;2\n", "x", [2], "semicolons"),
        ("# a b\n1.0  2.0\n 3.0 4.0\n", "1", [1, 3], "spaces"),
        ("# a file\n#\n\nt,x\n1,2\n3,4\n\n\n", "x", [2, 4], ""),
        ("t,x\r\n1,2\r\n3,4\r\n", "x", [2, 4], ""),
        ("x\r1\r2\r", None, [1, 2], "with the name 'x'"),
        ("\ufeffx\n1\n2\n", "x", [1, 2], ""),
        ("t,x\n1,2\n3,4\n".encode("utf-16"), "x", [2, 4], ""),
        ("x\n1\n2\n".encode("utf-32"), "x", [1, 2], ""),
        ("°C\n1\n2\n".encode("latin-1"), "°C", [1, 2], "Latin-1"),
        ("x\n+1.5e3\n.5\n5.\n", None, [1500, 0.5, 5], "with the name 'x'"),
    ],
)
def test_a_table_is_read_and_guesses_are_stated(
    tmp_path, content, column, values, guess
):
    found, notes = load(tmp_path, "a.csv", content, column)
    assert found.tolist() == values
    assert found.dtype == torch.float64
    assert guess in " ".join(notes)
    assert bool(notes) == bool(guess)


@pytest.mark.parametrize(
    ("content", "column", "message"),
    [
        ("", None, "is empty"),
        (" \n\n", None, "is empty"),
        ("x\n", None, "no line below its header"),
        ("# only\n# comments\n", None, "no line of data|no line below"),
        ("t,x\n1,2\n", None, "column must be given, one of t, x"),
        (",x\n0,1\n", None, "column must be given, one of #1, x"),
        ("1,5\n2,5\n", None, "no header; write decimals with a point"),
        ("t,x\n1,2\n", "y", "column must be one of t, x; got 'y'"),
        ("t,x\n1,2\n", "\u00b2", "column must be one of t, x; got '\u00b2'"),
        ("1,2\n3,4\n", "3", "column must be one of 1, 2; got '3'"),
        ("t,x,x\n1,2,3\n", "x", "'x' occurs 2 times in the header"),
        ("x\n1\n\n2\n", None, "line 3 has a gap"),
        ("x\n1\nNA\n2\n", None, "line 3 has a gap"),
        ("NA\n1\n2\n", None, "line 1 has a gap"),
        ("# c\nt,x\n1,2\n3\n", "x", "line 4 has a gap"),
        ("x\n1\n-inf\n", None, "line 3 has '-inf'"),
        ("x\n1\n1e400\n", None, "line 3 has 'inf'"),
        ("x\n1\n# no\n", None, "line 3 has '# no'"),
        ("x\n1 m\n2 m\n", None, "line 2 has '1 m'"),
        ("x\nm/s\n2\n", None, "line 2 has 'm/s'"),
        ("x\n1%\n2%\n", None, "line 2 has '1%'"),
        ("x\n1_000\n2\n", None, "line 2 has '1_000'"),
        ("x\n12:30\n12:31\n", None, "line 2 has '12:30'"),
        ("x\n1+2j\n", None, r"line 2 has '1\+2j'"),
        ("2020-01-01\n2020-01-02\n", None, "line 1 has '2020-01-01'"),
        ("x\nTrue\nFalse\n", None, "line 2 has 'True'"),
        ("x\n1\nTrue\n", None, "line 3 has 'True'"),
        ('t,x\n1,"1,234"\n2,"2"\n', "x", "'1,234' in line 2, which may be"),
        ('t,x\n1,"1,234.5"\n', "x", "line 2 has '1,234.5'"),
        ("t;x\n1;1.500,5\n2;2\n", "x", "line 2 has '1.500,5'"),
        ("x\n1'234\n", None, "line 2 has"),
        ("x\n1 234\n2 456\n", None, "more fields than its first line, 1: see line 2"),
        ("t,x\n1,2\n3,4,5\n", "x", "more fields than its first line, 2: see line 3"),
        ("t,x\n1,2,9\n3,4,5\n", "x", "more fields than its first line, 2"),
        ('x\n"1.5\n2\n', None, "line 2 that is never closed"),
        ("x\n9007199254740993\n2\n", None, r"integers beyond 2\*\*53"),
        ("x\n99999999999999999999\n2\n", None, r"integers beyond 2\*\*53"),
        ("x\n1\n".encode("utf-16-le"), None, "UTF-16 without a byte order mark"),
        (bytes(range(256)), None, "is not text"),
        (b"\x1f\x8b\x08 and so on", None, "compressed by gzip: unpack it"),
        (b"PK\x03\x04 and so on", None, "a spreadsheet"),
    ],
)
def test_a_table_that_is_refused(tmp_path, content, column, message):
    with pytest.raises(ValueError, match=message) as error:
        load(tmp_path, "a.csv", content, column)
    assert str(tmp_path / "a.csv") in str(error.value)


NO_NAMES = ["\u22121.5", "<0.5", "$1.5", "(1.5)", "- 1.5", "?", "'1.5", "~1.5"]
NO_NAMES += [
    "Infinity",
    "-infinity",
    "\u221e",
    "--",
    "*",
    ".",
    ">1e5",
    "+-2",
    "\u20ac 3",
]


@pytest.mark.parametrize("first", NO_NAMES)
def test_a_first_line_like_a_number_is_no_header(tmp_path, first):
    message = re.escape(repr(first)) + " in its first line, which may be a name or a nu"
    for content, column in (
        (f"{first}\n2.5\n3.5\n", None),
        (f"1\t{first}\n2\t2.5\n", "1"),
        (f"a\t{first}\nb\t2.5\n", "2"),
    ):
        with pytest.raises(ValueError, match=message):
            load(tmp_path, "a.csv", content, column)
    for column in ("x", first):
        values, _ = load(tmp_path, "a.csv", f"x\t{first}\n1\t1\n2\t2\n", column)
        assert values.tolist() == [1, 2]


@pytest.mark.parametrize(
    "name", ["x", "PM2.5", "x1", "\u00b0C", "%", "missing", "<LOD"]
)
def test_a_header_that_was_not_asked_for_is_stated(tmp_path, name):
    values, notes = load(tmp_path, "a.csv", f"{name}\n1\n2\n")
    assert values.tolist() == [1, 2]
    assert notes == (f"The first line is read as a header, with the name {name!r}.",)


@pytest.mark.parametrize("index", [["0", "1", "2"], ["2020-01-01", "b", "c"]])
@pytest.mark.parametrize("n", [1, 2, 3, 12])
def test_the_header_of_pandas_is_a_header(tmp_path, index, n):
    frame = pandas.DataFrame(np.arange(3.0 * n).reshape(3, n) + 0.5, index=index)
    content = frame.to_csv(sep="\t")
    for k in range(n):
        values, notes = load(tmp_path, "a.csv", content, str(k))
        assert values.tolist() == frame[k].tolist()
        assert bool(k) == (f"as a header, with the name '{k}'" in " ".join(notes))


@pytest.mark.parametrize(
    "content",
    [
        "0,1,2\n0.5,0.2,0.3\n0.1,0.3,0.4\n",
        "0,1,2\n5,2,3\n1,3,4\n",
        "0,1\n0.5,0.2\n0.1,0.3\n",
        "0;1;2\n0,5;0,2;0,3\n",
        "1,2,3\n0.5,0.2,0.3\n0.1,0.3,0.4\n",
        "2019,2020,2021\n0.5,0.2,0.3\n0.1,0.3,0.4\n",
        ",1,2\n0,5,6\n1,7,8\n",
    ],
)
def test_a_first_line_that_counts_may_be_names(tmp_path, content):
    with pytest.raises(
        ValueError, match=r"which may be names or data: .* header above"
    ):
        load(tmp_path, "a.csv", content, "2")
    sign = ";" if ";" in content else ","
    names = sign.join("abc"[: content.split("\n")[0].count(sign) + 1])
    values, _ = load(tmp_path, "a.csv", f"{names}\n{content}", "b")
    assert len(values) == content.count("\n")


@pytest.mark.parametrize(
    "content",
    [
        "0,1\n1,2\n2,4\n",
        "0,1\n0.1,0.9\n0.2,0.7\n0.3,0.4\n",
        "0,1,2\n1,2,3\n2,3,4\n",
        "0.0,1.0\n0.5,0.2\n0.1,0.3\n",
        "0,1\n0,1\n1,0\n",
        "1,2,3\n4,5,6\n",
        "1,2\n3.5,4.5\n",
        ",5\n1,6\n2,7\n",
    ],
)
def test_a_first_line_of_data_that_counts_is_read(tmp_path, content):
    second = [float(row.split(",")[1]) for row in content.split()]
    values, notes = load(tmp_path, "a.csv", content, "2")
    assert values.tolist() == second
    assert "no header" in notes[0]


def test_a_late_line_is_found_by_its_number(tmp_path):
    rows = "t,x\n" + "1,2\n" * 500
    with pytest.raises(ValueError, match="line 502 has 'oops'"):
        load(tmp_path, "a.csv", rows + "3,oops\n", "x")
    with pytest.raises(ValueError, match="see line 502"):
        load(tmp_path, "a.csv", rows + "3,4,5\n", "x")


def test_a_source_that_is_no_file_of_numbers(tmp_path):
    (tmp_path / "book.xlsx").write_bytes(b"PK")
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "folder.npy").mkdir()
    for name, message in (
        ("book.xlsx", "must be a file whose name ends in .csv"),
        ("folder.csv", "is a folder"),
        ("folder.npy", "is a folder"),
        ("none.csv", "there is no file"),
        ("none.npy", "there is no file"),
        (".", "must be a file whose name ends in .csv"),
    ):
        with pytest.raises(ValueError, match=message):
            own.load(str(tmp_path / name))
    with pytest.raises(ValueError, match=r"source must be one of .*vix"):
        own.load("sunspots")
    with pytest.raises(ValueError, match="column goes with a table"):
        own.load("digits", "x")


def test_each_way_to_name_a_file_is_an_option_of_the_same_reader(tmp_path):
    for name in ("a.CSV", "a.tsv", "a.txt"):
        assert load(tmp_path, name, "x\n1\n2\n")[0].tolist() == [1, 2]
    assert re.match(r"The training part", own.read("digits")[1][0])


MANY = ",".join(f"c{k}" for k in range(400)) + "\n" + ",".join("1" * 400) + "\n"
LONG = "1" * 5000
ENDLESS = [
    (MANY, None),
    (MANY, "x"),
    (f"a,{LONG}b\n1,2\n", None),
    ("a,b\n1,2\n", LONG),
    (f"a\n1\nx{LONG}\n", None),
    (f"{LONG}x,b\ny,2\n", f"{LONG}x"),
    (f"a\n{LONG}.5.5\n", None),
    (f"a\n1,{'111,' * 2000}111\n", None),
]


@pytest.mark.parametrize(("content", "column"), ENDLESS, ids=range(len(ENDLESS)))
def test_messages_about_long_tables_are_short(tmp_path, content, column):
    with pytest.raises(ValueError) as error:
        load(tmp_path, "a.csv", content, column)
    assert len(str(error.value)) < 600


def test_a_long_source_is_cut_in_the_message():
    with pytest.raises(ValueError, match=r"5,000 characters") as error:
        own.read(LONG)
    assert len(str(error.value)) < 600
