"""An executed notebook, read once: its records, figures, texts, parameters, run time.

The names and formats are those that `ssmbook.notebook.glue` writes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ssmbook.notebook.files import read_notebook, shown
from ssmbook.notebook.glue import NUMBER, PREFIX, SVG
from ssmbook.notebook.parameters import Parameter, Value, declared, ran_with
from ssmbook.notebook.recorded import Record, as_record
from ssmbook.notebook.syntax import literal

if TYPE_CHECKING:
    from nbformat import NotebookNode

_SECONDS = re.compile(r"\| (\d+) s\s*$")


@dataclass(frozen=True)
class Executed:
    """An executed notebook and what it stores; each part is read when first used.

    Attributes:
        path: its file, for messages.
        node: its content. Whoever changes it works on a copy.
        failure: the reason why it did not reach its end, None where it did.
    """

    path: Path | str
    node: NotebookNode
    failure: str | None = None

    @classmethod
    def read(cls, path: str | Path, failure: str | None = None) -> Executed:
        """Read a file; a built page says itself that its notebook failed.

        Raises:
            ValueError: if the file is no valid notebook.
            OSError: if it cannot be read.
        """
        node = read_notebook(path)
        return cls(path, node, failure or node.metadata.get("failed"))

    @property
    def outputs(self) -> list:
        """The outputs of all code cells, in order."""
        return [o for c in self.node.cells for o in c.get("outputs", [])]

    @cached_property
    def _named(self) -> dict:
        return named_outputs(self.outputs)

    @cached_property
    def names(self) -> set[str]:
        """The name of everything that it stores, executed to its end or not."""
        return set(self._named)

    @cached_property
    def records(self) -> dict[str, Record]:
        """Every record, by key.

        Raises:
            ValueError: if a code cell was not executed or stores an error, or if a key
                is stored twice.
        """
        cells = [c for c in self.node.cells if c.cell_type == "code"]
        cells = [c for c in cells if c.source.strip()]
        if not cells:
            raise ValueError(f"{self.path} has no code cells")
        for number, cell in enumerate(cells):
            if cell.execution_count is None:
                raise ValueError(
                    f"{self.path} was not executed: code cell {number} has no count"
                )
            if any(output.output_type == "error" for output in cell.outputs):
                raise ValueError(f"{self.path} stores an error in code cell {number}")
        return self._recorded

    @cached_property
    def _recorded(self) -> dict[str, Record]:
        return _records(self._named)

    @property
    def values(self) -> dict[str, int | float]:
        """The value of each record, whether the notebook reached its end or not."""
        return {key: record.value for key, record in self._recorded.items()}

    @cached_property
    def figures(self) -> dict[str, tuple[str, str]]:
        """(SVG, alt text) of every named figure."""
        found = {}
        for name, output in self._named.items():
            data = output.get("data", {})
            if SVG in data:
                if "text/plain" not in data:
                    raise ValueError(f"the figure {name!r} has no alt text")
                found[name] = data[SVG], data["text/plain"]
        return found

    @cached_property
    def texts(self) -> dict[str, str]:
        """Every text that it stores, by name."""
        return {
            name: output["data"]["text/plain"]
            for name, output in self._named.items()
            if output["metadata"]["scrapbook"]["mime_prefix"] == ""
            and SVG not in output.get("data", {})
            and "text/plain" in output.get("data", {})
        }

    @cached_property
    def interface(self) -> dict[str, Parameter]:
        """The parameters that it declares; errors as of `parameters.interface`."""
        return declared(self.node, self.path)

    @cached_property
    def parameters(self) -> dict[str, Value]:
        """The values that it ran with; ValueError where its interface forbids one."""
        return ran_with(self.node, self.path)

    @property
    def changed(self) -> dict[str, Value]:
        """The parameters that differ from their defaults."""
        known = self.interface
        return {n: v for n, v in self.parameters.items() if v != known[n].default}

    @property
    def seconds(self) -> int | None:
        """The run time that its footer names, None without a footer."""
        for cell in self.node.cells[-1:]:
            for output in cell.get("outputs", []):
                if match := _SECONDS.search(output.get("text", "")):
                    return int(match[1])
        return None


def records(path: str | Path) -> dict[str, Record]:
    """Return every record of an executed notebook, by key.

    Args:
        path: the notebook.

    Raises:
        ValueError: for a notebook without outputs, with an error, or with a key stored
            twice.
    """
    return Executed.read(path).records


def named_outputs(outputs: list) -> dict:
    """Return the outputs that carry a name, by it; ValueError for a second one."""
    named = {}
    for output in outputs:
        scrapbook = output.get("metadata", {}).get("scrapbook")
        if scrapbook is None:
            continue
        try:
            name, prefix = scrapbook["name"], scrapbook["mime_prefix"]
        except (KeyError, TypeError):
            name = prefix = None
        if not (isinstance(name, str) and isinstance(prefix, str)):
            raise ValueError(f"an output has a damaged name: {shown(scrapbook)}")
        if name in named:
            raise ValueError(f"{name!r} is stored twice")
        named[name] = output
    return named


def output_records(outputs: list) -> dict[str, Record]:
    """Return the records among outputs, by key."""
    return _records(named_outputs(outputs))


def _records(named: dict) -> dict[str, Record]:
    return {
        name: _stored(name, output)
        for name, output in named.items()
        if NUMBER in output.get("data", {})
    }


def _stored(key: str, output: dict) -> Record:
    """The record that an output holds; ValueError where `record` did not write it."""
    text, tolerance = output["data"][NUMBER], output["metadata"].get("tolerance")
    try:
        return as_record(key, {"value": literal(text)} | dict(tolerance))
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(
            f"the record {key!r} is damaged: {shown(text)}, tolerance "
            f"{shown(tolerance)}: {error}"
        ) from error


def visible(outputs: list) -> list:
    """Return the outputs without records, which only text shows."""
    return [
        o for o in outputs if not any(m.startswith(PREFIX) for m in o.get("data", {}))
    ]
