"""nbval with this book's rules: compare by `notebook.comparison`, keep what ran.

nbval alone knows no tolerance, compares records by position, and passes a notebook
that was never executed. Its kernels are isolated as those of a run are. A notebook with
a finished run of the same key in one of `RUNS` is not executed again: the outputs of
that run are compared, unless the variable CI is set. Fresh outputs go to _build/fresh,
for the ledger. Notebooks run longest first, so that none is left over when the others
have ended.
"""

from __future__ import annotations

import os
from collections import Counter

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
from ssmbook.runs.jobs import finished_run, plan_runs
from ssmbook.runs.stores import Store

#: where `make book` and `ssmbook run` store runs
RUNS = ("_build/runs", "runs")
_SOURCE = "outputs"  # the property of a report that says where they come from


def pytest_terminal_summary(terminalreporter):
    """Say how many notebooks were executed; each cell's report names its file."""
    reports = [r for found in terminalreporter.stats.values() for r in found]
    sources = {
        report.nodeid.partition("::")[0]: dict(report.user_properties)[_SOURCE]
        for report in reports
        if _SOURCE in dict(getattr(report, "user_properties", ()))
    }
    for source, count in Counter(sources.values()).items():
        terminalreporter.line(f"notebooks {source}: {count}")


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


def stored_outputs(file) -> list | None:
    """The outputs of a notebook's code cells in a finished run of its key, if any."""
    if os.environ.get("CI", "false").lower() not in ("", "0", "false"):
        return None
    (job,) = plan_runs(file.path, [{}])
    cells = [cell.source for cell in file.nb.cells if cell.cell_type == "code"]
    for name in RUNS:
        store = Store(file.config.rootpath / name)
        if finished_run(job, store) is not None:
            node = read_notebook(store.folder / job.folder / f"{job.notebook}.ipynb")
            code = [cell for cell in node.cells if cell.cell_type == "code"]
            if [cell.source for cell in code] == cells:
                return [cell.outputs for cell in code]
    return None


def setup(self):
    self.stored = stored_outputs(self)
    if self.stored is not None:
        return
    node, folder = read_notebook(self.path), self.path.parent
    known = declared(node, self.path)
    values = check(known, {}, self.path.stem)
    readable = coverage.readable(node, known, values, folder)
    nbval.kernel.KernelManager = isolation.manager(KernelManager, 1, readable)
    plain_setup(self)


def runtest(self):
    stored = self.parent.stored
    source = "executed" if stored is None else "compared with a stored run"
    self.user_properties.append((_SOURCE, source))
    if stored is None or self.options["skip"]:
        plain_runtest(self)
    else:
        self.test_outputs = stored[self.cell_num]
        if self.options["check"] and not self.compare_outputs(
            self.test_outputs, self.cell.outputs
        ):
            found = "\n".join(self.comparison_traceback)
            self.raise_cell_error("Cell outputs differ from those of a run", found)
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
        if whole and self.stored is None:
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
