import copy
import functools
import warnings

import matplotlib as mpl
import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from traitlets.config import Config

from ssmbook.ledger.entries import load
from ssmbook.notebook import parameters
from ssmbook.notebook.chapters import chapters
from ssmbook.notebook.executed import output_records
from ssmlib import _style, uncertainty
from ssmlib.tasks import baselines
from ssmlib.training import compare
from tests.conftest import ROOT

CHAPTERS = chapters(ROOT)


@pytest.fixture(params=CHAPTERS)
def chapter(request):
    return CHAPTERS[request.param]


@pytest.fixture
def path(chapter):
    return chapter.path


_read = functools.cache(nbformat.read)


@pytest.fixture
def node(path):
    """A chapter's notebook, a test's own."""
    return copy.deepcopy(_read(path, 4))


@pytest.fixture(scope="session")
def ledger():
    return load(ROOT)


@pytest.fixture
def run_cells(monkeypatch):
    """Run a chapter with other parameters; which records it makes.

    In this process, which has PyTorch loaded already; a kernel has not. What repeats
    the same code is shorter: a search for a learning rate does not extend its range,
    the longer of two trainings is as long as the other, a linear baseline has one
    penalty, an interval three draws, and the parts of a figure are not arranged.
    """
    monkeypatch.setitem(compare.__kwdefaults__, "grow", 0)
    monkeypatch.setitem(compare.__kwdefaults__, "longer", 1)
    monkeypatch.setattr(baselines, "STRENGTHS", baselines.STRENGTHS[:1])
    monkeypatch.setattr(uncertainty, "_DRAWS", 3)
    monkeypatch.setitem(_style._STYLE, "figure.constrained_layout.use", False)

    def run(path, changed):
        values = parameters.check(parameters.interface(path), changed, path.stem)
        monkeypatch.chdir(path.parent)
        keys = set()
        for cell in nbformat.read(path, 4).cells:
            if cell.cell_type != "code":
                continue
            with capture_output() as said, warnings.catch_warnings():
                warnings.filterwarnings("ignore", "the best rate is an end")
                shell.run_cell(cell.source).raise_error()
            if "parameters" in cell.metadata.get("tags", []):
                shell.push(values)
            keys |= {*output_records(map(_display, said.outputs))}
        return keys

    quiet = Config({"HistoryManager": {"enabled": False}})
    with mpl.rc_context():
        shell = InteractiveShell.instance(config=quiet)
        yield run
    InteractiveShell.clear_instance()


def _display(rich):
    return nbformat.v4.new_output("display_data", rich.data, metadata=rich.metadata)
