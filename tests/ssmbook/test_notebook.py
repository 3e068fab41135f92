"""Records, parameters, comparison: each kind of error planted and caught."""

import datetime
import math
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

import ssmbook
from ssmbook.notebook import comparison, glue, parameters
from ssmbook.notebook.executed import Executed, output_records, records
from ssmbook.notebook.glue import record
from ssmbook.notebook.recorded import Record
from tests.ssmbook.outputs import notebook, output_of


@pytest.fixture(autouse=True, scope="module")
def _shell():
    """What display talks to."""
    InteractiveShell.instance()


# Records


def test_record_writes_what_glue_would():
    pytest.importorskip("myst_nb")
    from myst_nb import glue

    with capture_output() as ours:
        record("key", 0.5, rtol=1e-4)
    with capture_output() as theirs:
        glue("key", 0.5, display=False)
    (our,), (their,) = ours.outputs, theirs.outputs
    assert our.data == their.data
    assert our.metadata["scrapbook"] == their.metadata["scrapbook"]
    assert our.metadata["tolerance"] == {"rtol": 1e-4}


def test_records_are_read_back(tmp_path):
    path = notebook(
        tmp_path / "a.ipynb", output_of("x", 0.1, rtol=1e-6), output_of("n", 3)
    )
    assert records(path) == {"x": Record(0.1, 1e-6), "n": Record(3)}


@pytest.mark.parametrize(
    ("value", "error"),
    [(True, TypeError), ("1", TypeError), (1j, TypeError), (math.nan, ValueError)],
)
def test_values_that_are_no_figures_are_refused(value, error):
    with pytest.raises(error, match="value of 'key'"):
        record("key", value)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"rtol": 1e-3, "atol": 1.0}, ValueError, "takes one of rtol, atol and se"),
        ({"se": 1.0, "atol": 1.0}, ValueError, "takes one of"),
        ({"rtol": -1.0}, ValueError, "rtol of 'key' must be finite and >= 0"),
        ({"se": math.nan}, ValueError, "se of 'key' must be finite"),
        ({"atol": "1"}, TypeError, "atol of 'key' must be a Python float"),
        ({"rtol": 1e-2}, ValueError, "because= must say why"),
    ],
)
def test_tolerances_are_checked(options, error, message):
    with pytest.raises(error, match=message):
        record("key", 1.0, **options)


def test_random_figures_agree_within_four_standard_errors_of_both():
    stored = Record(1.0, se=0.3)
    assert stored.agrees(Record(2.99, se=0.4))  # 4 * hypot(.3, .4) = 2
    assert not stored.agrees(Record(3.01, se=0.4))
    assert not stored.agrees(Record(1.0, rtol=0.3))


def test_a_loose_tolerance_with_a_reason_is_taken():
    loose = Record(1.0, rtol=0.1, because="it depends on rounding")
    assert loose.held
    assert loose.agrees(Record(1.09, rtol=0.1, because="it depends on rounding"))
    assert not Record(1.0).held


def test_pasting():
    text = "{glue:text}`x:.2f`, {glue:text}`../a.ipynb::y` and {glue:text}`z`"
    assert list(glue.roles(text)) == [
        ("", "x", ".2f"),
        ("../a.ipynb", "y", ""),
        ("", "z", ""),
    ]
    known = {"x": 1.234, "z": 3}
    assert glue.paste_own(text, known) == "1.23, y and 3"
    only = glue.paste(text, lambda document, key: 2.0 if document else None)
    assert only == "{glue:text}`x:.2f`, 2.0 and {glue:text}`z`"


def test_figures_and_texts_are_stored_by_name(tmp_path):
    with capture_output() as shown:
        ssmbook.figure("<svg/>", "curve", "x is\n {glue:text}`x:.1f`")
        ssmbook.text("words", "says")
    outputs = [
        nbformat.from_dict(
            {
                "output_type": "display_data",
                "data": output.data,
                "metadata": output.metadata,
            }
        )
        for output in shown.outputs
    ]
    stored = Executed.read(notebook(tmp_path / "a.ipynb", *outputs))
    assert stored.figures == {"curve": ("<svg/>", "x is {glue:text}`x:.1f`")}
    assert stored.texts == {"says": "words"}
    assert stored.names == {"curve", "says"}
    with pytest.raises(ValueError, match="alt of figure 'curve'"):
        ssmbook.figure("<svg/>", "curve", " ")


def test_a_notebook_without_outputs_is_refused(tmp_path):
    path = notebook(tmp_path / "a.ipynb", count=None)
    with pytest.raises(ValueError, match="was not executed"):
        records(path)


def test_a_key_stored_twice_is_refused(tmp_path):
    path = notebook(tmp_path / "a.ipynb", output_of("x", 1), output_of("x", 2))
    with pytest.raises(ValueError, match="'x' is stored twice"):
        records(path)


# Comparison


def printed(text):
    return nbformat.from_dict({"output_type": "stream", "name": "stdout", "text": text})


@pytest.mark.parametrize(
    ("stored", "fresh", "agrees"),
    [
        ("slope -0.501", "slope -0.501", True),
        ("slope -0.501", "slope -0.502", True),
        ("slope -0.501", "slope -0.503", False),
        ("0.00", "-0.01", True),
        ("1.25e-05", "1.26e-05", True),
        ("1.25e-05", "1.25e-04", False),
        ("32 modes", "33 modes", False),
        ("holds: True", "holds: False", False),
    ],
)
def test_printed_text(stored, fresh, agrees):
    assert comparison.text_agrees(stored, fresh) is agrees
    assert (comparison.differences([printed(stored)], [printed(fresh)]) == []) is agrees


def test_records_agree_by_name_and_tolerance():
    tight = {"rtol": 1e-6}
    stored = [
        output_of("a", 1.0, **tight),
        output_of("b", 2.0, atol=0.15),
        output_of("c", 3.0),
    ]
    fresh = [
        output_of("b", 2.1, atol=0.15),
        output_of("c", 9.0),
        output_of("a", 1.0, **tight),
    ]
    assert comparison.differences(stored, fresh) == []
    for planted, message in [
        (output_of("a", 1.00001, **tight), "record 'a': stored"),
        (output_of("renamed", 1.0, **tight), "record 'a' is gone"),
        (output_of("a", 1.0, rtol=0.5), "record 'a': stored"),
        (output_of("a", 1.0, atol=1e-6), "record 'a': stored"),
    ]:
        found = comparison.differences(stored, [*fresh[:2], planted])
        assert message in found[0]


def test_a_missing_print_is_seen():
    assert comparison.differences([printed("a")], [])
    assert comparison.differences([], [printed("a")])


# Parameters

CELL = """L: int = 1024  # [16..65536] sequence length
dt: float = 0.1  # [1e-4..1] timescale
device: str = "cpu"  # {cpu,cuda}
quick: bool = False"""


@pytest.fixture
def declared(tmp_path):
    return parameters.interface(notebook(tmp_path / "a.ipynb", parameters_cell=CELL))


def test_interface(declared):
    assert list(declared) == ["L", "dt", "device", "quick"]
    assert declared["L"].help == "sequence length"
    assert (declared["dt"].low, declared["dt"].high) == (1e-4, 1)
    assert declared["device"].choices == ("cpu", "cuda")


def test_values_are_filled_up(declared):
    filled = parameters.check(declared, {"dt": 1}, "here")
    assert filled == {"L": 1024, "dt": 1.0, "device": "cpu", "quick": False}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"M": 3}, "no parameter M; there are L, dt, device, quick"),
        ({"L": 2.0}, "L must be int"),
        ({"L": True}, "L must be int"),
        ({"L": 8}, r"L must be in \[16..65536\]"),
        ({"dt": "1e-3"}, "write 1.0e-3"),
        ({"device": "tpu"}, "device must be one of cpu, cuda"),
    ],
)
def test_bad_values_are_refused(declared, values, message):
    with pytest.raises(ValueError, match=message):
        parameters.check(declared, values, "here")


@pytest.mark.parametrize("line", ["L = 3", "L: list = []", "L: int = f(3)", "x y"])
def test_lines_that_declare_nothing_are_refused(tmp_path, line):
    path = notebook(tmp_path / "a.ipynb", parameters_cell=line)
    with pytest.raises(ValueError, match="a parameter must read"):
        parameters.interface(path)


def test_a_notebook_without_parameters_is_refused(tmp_path):
    path = tmp_path / "a.ipynb"
    nbformat.write(nbformat.v4.new_notebook(), path)
    with pytest.raises(ValueError, match="one cell tagged parameters"):
        parameters.interface(path)


def test_injected_parameters_count(tmp_path):
    path = notebook(tmp_path / "nb.ipynb", output_of("x", 1.0))
    node = nbformat.read(path, 4)
    injected = nbformat.v4.new_code_cell(
        "# Parameters\nL = 7\n",
        execution_count=1,
        metadata={"tags": ["injected-parameters"]},
    )
    node.cells.insert(1, injected)
    nbformat.write(node, path)
    assert Executed.read(path).parameters == Executed.read(path).changed == {"L": 7}


@pytest.mark.parametrize(
    ("line", "value", "message"),
    [
        ("x: float = 0.1", math.nan, "must be finite"),
        ("x: float = 0.1", math.inf, "must be finite"),
        ("x: float = 0.1  # [0..1]", math.nan, r"must be in \[0..1\], got nan"),
        ("x: float = 0.1", 10**400, r"must be in \[-2\^63..2\^63\)"),
        ("x: float = 0.1", "1e-3", "write 1.0e-3"),
        ("x: float = 0.1", True, "must be float, got True"),
        ("x: int = 1", 2**63, r"must be in \[-2\^63..2\^63\)"),
        ("x: int = 1", True, "must be int, got True"),
        ("x: int = 1", None, "must be int, got None"),
        ("x: int = 1", datetime.date(2026, 1, 1), "must be int, got datetime"),
        ("x: bool = True", 1, "must be bool, got 1"),
        ("x: bool = True", "yes", "must be bool, got 'yes'"),
        ("x: str = 'a'", False, "got False .*in quotes"),
        ("x: str = 'a'", datetime.date(2026, 1, 1), "in quotes"),
        ("x: str = 'a'", "\ud800", "must be Unicode text"),
        ("x: str = 'a'", "\0", "must be Unicode text"),
        ("x: int = 1", [1], r"must be int, got \[1\]"),
    ],
)
def test_values_that_no_run_can_have_are_refused(tmp_path, line, value, message):
    path = notebook(tmp_path / "a.ipynb", parameters_cell=line)
    with pytest.raises(ValueError, match=message) as error:
        parameters.check(parameters.interface(path), {"x": value}, "here")
    assert len(str(error.value)) < 300


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("x: int = 1  # [a..b]", "a range must read"),
        ("x: int = 1  # [3..1]", "a range must read"),
        ("x: int = 1  # [nan..nan]", "a range must read"),
        ("x: str = 'a'  # [1..2]", "a range must read"),
        ("x: int = 1\nx: int = 2", "x is declared twice"),
        ("x: int = 9  # [1..2]", "must be in"),
        ("x: int = " + "[" * 300, "a parameter must read"),
        ("x: list[int] = [1]", r"must read `name: int\|float\|str\|bool = default`,"),
    ],
)
def test_bad_declarations_are_refused(tmp_path, line, message):
    path = notebook(tmp_path / "a.ipynb", parameters_cell=line)
    with pytest.raises(ValueError, match=message):
        parameters.interface(path)


@pytest.mark.parametrize("kind", ["int", "float"])
@pytest.mark.parametrize(
    ("text", "accepted"),
    [(t, True) for t in ("0", "3", "-3", "+3", "1_000", "30")]
    + [(t, False) for t in ("03", "-03", "+010", "00", "0_3", " 03", "٣", "-٣", "３")],
)
def test_numbers_at_a_command_line_are_those_of_a_profile(
    tmp_path, kind, text, accepted
):
    """010 is ten to Python, eight to YAML, and refused by both readers."""
    path = notebook(tmp_path / "a.ipynb", parameters_cell=f"x: {kind} = 1")
    profile = tmp_path / "p.yml"
    profile.write_text(f"a: {{x: {text}}}", encoding="utf-8")
    known = parameters.interface(path)
    readers = (
        lambda: parameters.from_text(known["x"], text, "here"),
        lambda: parameters.profile(profile, {"a": path})["a"]["x"],
    )
    for read in readers:
        if accepted:
            assert read() == int(text)
        else:
            with pytest.raises(ValueError, match=r"leading zero|x must be|in decimal"):
                read()


@pytest.mark.parametrize(
    ("value", "options", "error", "message"),
    [
        (2**63, {}, ValueError, "convert it with float"),
        (-(2**63) - 1, {}, ValueError, "convert it with float"),
        (10**500, {}, ValueError, "convert it with float"),
        (math.inf, {}, ValueError, "must be finite"),
        (np.float32(1), {}, TypeError, "got float32; convert it with float"),
        (np.int64(1), {}, TypeError, "got int64; convert it with float"),
        (np.bool_(True), {}, TypeError, "convert it"),
        (np.array(1.0), {}, TypeError, "got ndarray"),
        (1.0, {"atol": True}, TypeError, "atol of 'key' must be a Python float"),
        (1.0, {"atol": np.float32(1)}, TypeError, "atol of 'key' must be"),
        (1.0, {"atol": 10**400}, ValueError, "must be finite and >= 0"),
        (1.0, {"se": 0.1, "freedom": 0}, ValueError, "freedom of 'key'"),
        (1.0, {"se": 0.1, "freedom": math.nan}, ValueError, "freedom of 'key'"),
        (1.0, {"se": 0.1, "freedom": "3"}, ValueError, "freedom of 'key'"),
        (1.0, {"rtol": 0.1, "because": 3}, TypeError, "because of 'key'"),
    ],
)
def test_numbers_that_cannot_be_stored_are_refused(value, options, error, message):
    with pytest.raises(error, match=message):
        record("key", value, **options)


@pytest.mark.parametrize("key", ["a b", "a-b", "", "a:b", "a`b", "../a", 3, None])
def test_keys_that_text_cannot_paste_are_refused(key):
    with pytest.raises(ValueError, match="the key of a record"):
        record(key, 1.0)


def test_a_key_twice_in_a_cell_is_refused():
    with capture_output():
        record("twice", 1)
        with pytest.raises(ValueError, match="'twice' is recorded twice in one cell"):
            record("twice", 2)
        InteractiveShell.instance().execution_count += 1
        record("twice", 3)  # the cell is executed again


def test_a_figure_and_a_text_are_text_under_a_name():
    for call in (
        lambda: ssmbook.figure(b"<svg/>", "curve", "what it shows"),
        lambda: ssmbook.text(3, "says"),
    ):
        with pytest.raises(TypeError, match="must be text, got"):
            call()


@pytest.mark.parametrize("name", ["", "a b", "a/b", "../a", "a.svg", 3, None])
def test_names_of_figures_and_texts_are_words(name):
    for call in (
        lambda: ssmbook.figure("<svg/>", name, "what it shows"),
        lambda: ssmbook.text("words", name),
    ):
        with pytest.raises(ValueError, match="a name must consist of"):
            call()


def test_figures_of_one_tolerance_are_stored_together():
    found = SimpleNamespace(value=2.0, se=0.5, freedom=2)
    values = {"a": np.float64(0.5), "b": np.array(3)}
    with capture_output() as said:
        glue.record_all(values, rtol=1e-6, c=7, d=found)
    made = nbformat.v4.new_output
    stored = output_records(
        [made("display_data", o.data, metadata=o.metadata) for o in said.outputs]
    )
    assert stored == {
        "a": Record(0.5, rtol=1e-6),
        "b": Record(3, rtol=1e-6),
        "c": Record(7, rtol=1e-6),
        "d": Record(found.value, se=found.se, freedom=2),
    }
    assert [type(r.value) for r in stored.values()] == [float, int, int, float]
