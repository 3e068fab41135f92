"""An executed notebook: what it stores, read once."""

import nbformat
import pytest

from ssmbook.notebook.executed import Executed
from tests.ssmbook.outputs import notebook, output_of


def stored(tmp_path, *outputs, **changes):
    node = nbformat.read(notebook(tmp_path / "nb.ipynb", *outputs), 4)
    node.cells[-1].update(changes)
    nbformat.write(node, tmp_path / "nb.ipynb")
    return Executed.read(tmp_path / "nb.ipynb")


def printed(text):
    return nbformat.v4.new_output("stream", name="stdout", text=text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("Python 3.11 | seed 0 | 12 s\n", 12), ("12 s\n", None), ("| 12 s | x", None)],
)
def test_the_run_time_is_that_of_the_footer(tmp_path, text, seconds):
    assert stored(tmp_path, printed(text)).seconds == seconds


def test_a_notebook_that_failed_has_the_values_that_it_stored(tmp_path):
    error = nbformat.v4.new_output("error", ename="E", evalue="x", traceback=[])
    found = stored(tmp_path, output_of("x", 1.5, rtol=0.1), error)
    assert found.values == {"x": 1.5}
    assert found.names == {"x"}
    with pytest.raises(ValueError, match="stores an error in code cell 1"):
        assert found.records


def test_a_notebook_that_was_not_executed_has_no_records(tmp_path):
    with pytest.raises(ValueError, match="was not executed: code cell 1 has no count"):
        assert stored(tmp_path, execution_count=None).records


def test_the_reason_of_a_failure_is_the_caller_s_or_the_page_s(tmp_path):
    path = notebook(tmp_path / "nb.ipynb")
    assert Executed.read(path).failure is None
    assert Executed.read(path, "it did").failure == "it did"
    node = nbformat.read(path, 4)
    node.metadata["failed"] = "as the page says"
    nbformat.write(node, path)
    assert Executed.read(path).failure == "as the page says"


def test_parts_are_read_once(tmp_path):
    found = stored(tmp_path, output_of("x", 1.0))
    for part in ("names", "records", "figures", "texts", "interface", "parameters"):
        assert getattr(found, part) is getattr(found, part)
