"""nbval with this book's rules: compare by `notebook.comparison`, keep what ran.

nbval alone knows no tolerance, compares records by position, and passes a notebook
that was never executed. Its kernels are isolated as those of a run are. Fresh outputs
go to _build/fresh, for the ledger. Notebooks run longest first, so that none is left
over when the others have ended.
"""

from __future__ import annotations

import nbformat
import nbval.kernel
from jupyter_client.manager import KernelManager
from nbval.plugin import IPyNbCell, IPyNbFile

from ssmbook.notebook.comparison import differences
from ssmbook.notebook.executed import Executed
from ssmbook.notebook.files import read_notebook
from ssmbook.notebook.parameters import check, declared
from ssmbook.runs import coverage, isolation
from ssmbook.runs.execution import write


def pytest_collection_modifyitems(items):
    def seconds(item) -> float:
        return Executed(item.path, item.parent.nb).seconds or 0

    items.sort(key=lambda item: (-seconds(item), str(item.path)))


def compare_outputs(self, test, ref, skip_compare=None):
    self.comparison_traceback = differences(ref, test)
    return not self.comparison_traceback


def collect(self):
    cells = list(plain_collect(self))
    code = [cell for cell in cells if cell.cell.source.strip()]
    never = [cell.cell_num for cell in code if cell.cell.execution_count is None]
    if never or not code:
        raise self.CollectError(f"{self.path}: not executed, code cells {never}")
    self.ran = []
    return cells


def setup(self):
    node, folder = read_notebook(self.path), self.path.parent
    known = declared(node, self.path)
    values = check(known, {}, self.path.stem)
    readable = coverage.readable(node, known, values, folder)
    nbval.kernel.KernelManager = isolation.manager(KernelManager, 1, readable)
    plain_setup(self)


def runtest(self):
    plain_runtest(self)
    self.cell.outputs = [nbformat.from_dict(output) for output in self.test_outputs]
    self.parent.ran.append(self.cell_num)


def loaded(kernel) -> str:
    """What `isolation.LOADED` prints in a kernel."""
    printed = []

    def note(message):
        if message["msg_type"] == "stream":
            printed.append(message["content"]["text"])

    kernel.kc.execute_interactive(isolation.LOADED, timeout=60, output_hook=note)
    return "".join(printed)


def teardown(self):
    code = [cell for cell in self.nb.cells if cell.cell_type == "code"]
    whole = len(self.ran) == len(code)
    try:
        if whole:
            isolation.check(self.nb, loaded(self.kernel))
    finally:
        plain_teardown(self)
    if whole:
        write(self.nb, self.config.rootpath / "_build" / "fresh" / self.path.name)


plain_collect, IPyNbFile.collect = IPyNbFile.collect, collect
plain_setup, IPyNbFile.setup = IPyNbFile.setup, setup
plain_runtest, IPyNbCell.runtest = IPyNbCell.runtest, runtest
plain_teardown, IPyNbFile.teardown = IPyNbFile.teardown, teardown
IPyNbCell.compare_outputs = compare_outputs
