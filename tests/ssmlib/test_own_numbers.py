"""Points and commas in a user's table: of decimals, of thousands, or refused."""

import pytest

from tests.ssmlib.test_own import load

COMMA = "t;temp;flow\n1;987;1,5\n2;1.012;2,5\n3;1.150;3,5\n"


@pytest.mark.parametrize(
    ("content", "column", "values"),
    [
        (COMMA, "temp", [987, 1012, 1150]),
        (COMMA.replace(";987;", ";1.000;"), "temp", [1000, 1012, 1150]),
        (COMMA.replace("987", "-1.987"), "temp", [-1987, 1012, 1150]),
        (COMMA.replace("2,5", "1.234,5"), "temp", [987, 1012, 1150]),
        (COMMA.split("\n", 1)[1], "2", [987, 1012, 1150]),
        ('a,b\n"1,5",1.000\n"2,5",2\n', "b", [1000, 2]),
        ("a\tb\n1,25\t1.000\n,\t2\n", "b", [1000, 2]),
        ("a;b\n1.234.567;1.000\n5;2\n", "b", [1000, 2]),
    ],
)
def test_points_are_of_thousands_beside_decimal_commas(
    tmp_path, content, column, values
):
    found, notes = load(tmp_path, "a.csv", content, column)
    assert found.tolist() == values
    assert "Its points are read as separators of thousands." in notes


@pytest.mark.parametrize(
    ("content", "column"),
    [
        ("x\n987\n1.012\n1.150\n", None),
        ("x\n1.012\n1.150\n-5\n", None),
        ("t;x\n1;987\n2;1.012\n", "x"),
        ("t,x\n1,987\n2,1.012\n", "x"),
        ("987\n1.012\n", None),
        ("t;x\n1,5;1.012\n2.5;1.150\n", "x"),
        ("t;x\n1,500;1.012\n2,500;1.150\n", "x"),
    ],
)
def test_points_that_may_be_of_thousands_are_refused(tmp_path, content, column):
    with pytest.raises(ValueError, match=r"'1\.012' in line \d, which may") as error:
        load(tmp_path, "a.csv", content, column)
    assert "write numbers without separators of thousands" in str(error.value)


@pytest.mark.parametrize(
    ("content", "column", "values"),
    [
        ("x\n1.012\n1.150\n", None, [1.012, 1.15]),
        ("x\n987\n1.012\n1.15\n", None, [987, 1.012, 1.15]),
        ("x\n2\n1.125\n0.125\n", None, [2, 1.125, 0.125]),
        ("x\n1234\n1.125\n", None, [1234, 1.125]),
        ("x\n1.000e0\n2\n", None, [1, 2]),
        ("t,x\n0.5,1.125\n1,2\n", "x", [1.125, 2]),
        ('t,x\n"1,234,567",1.125\n1,2\n', "x", [1.125, 2]),
        ("t;x\n1,5;1.5\n2,5;1.125\n", "x", [1.5, 1.125]),
        ("t;x\na, b;1.125\n.;1.250\n", "x", [1.125, 1.25]),
        ("t;x;y\n;1.125;\n;1.250;\n", "x", [1.125, 1.25]),
    ],
)
def test_decimal_points_stay_decimal_points(tmp_path, content, column, values):
    assert load(tmp_path, "a.csv", content, column)[0].tolist() == values


@pytest.mark.parametrize(
    ("content", "column"),
    [
        ("a;b\n100.251;x\n200.113;y\n", "a"),
        ("a\tb\n100.251\tx\n", "a"),
        ("x\n1.012\n1.150\n", None),
        ("100.251 1\n200.113 2\n", "1"),
    ],
)
def test_points_that_may_be_of_thousands_are_stated(tmp_path, content, column):
    found, notes = load(tmp_path, "a.csv", content, column)
    assert found.max() < 1000
    assert "Its points are read as decimal points." in notes


@pytest.mark.parametrize(
    "content", ["a;b\n1.25;1\n", "a;b\n1.012;0.5\n", "a,b\n1.012,x\n"]
)
def test_points_that_are_decimal_points_need_no_sentence(tmp_path, content):
    _, notes = load(tmp_path, "a.csv", content, "a")
    assert "Its points are read as decimal points." not in notes
