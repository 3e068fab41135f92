"""The losses of a study, as its parts store them, and `study`, which reads them.

A part is a pair of files in studies/<chapter>/<design>/: a table of losses (CSV), and
the sealed document of the run that measured it, which names the SHA-256 of the table.
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ssmbook.notebook import glue
from ssmbook.notebook.files import check_name, decoded, shown, unsealed
from ssmbook.notebook.kept import folder_of

if TYPE_CHECKING:
    import pandas as pd

#: of one model: which task, arm, seed and training time, and what came of it
COLUMNS = ("task", "arm", "seed", "budget", "lr", "test_loss", "status")
#: what the text is called that stores a table
NAME = "losses"
_PLACE = ("task", "arm", "seed", "budget")
_TEXTS = ("task", "arm", "budget", "status")


@dataclass(frozen=True)
class Losses:
    """A table of losses, and of other numbers in further columns.

    Attributes:
        rows: one mapping per model, from the name of a column to its value.
    """

    rows: tuple[dict[str, str | int | float], ...]

    @property
    def seeds(self) -> tuple[int, ...]:
        """Return the seeds, in rising order."""
        return tuple(sorted({int(row["seed"]) for row in self.rows}))

    @classmethod
    def from_csv(cls, content: bytes, where: str | Path) -> Losses:
        """Read a table.

        Args:
            content: CSV text with a header.
            where: the file, for messages.

        Raises:
            ValueError: for other columns, a value of another type, a loss that is not
                finite, or two rows of one task, arm, seed and budget.
        """
        reader = csv.DictReader(io.StringIO(decoded(content, where)), strict=True)
        names = tuple(reader.fieldnames or ())
        if names[: len(COLUMNS)] != COLUMNS or len(set(names)) < len(names):
            raise ValueError(
                f"{where} must have the columns {', '.join(COLUMNS)}, and any further "
                f"ones after them, each once; got {', '.join(names)}"
            )
        try:
            rows = tuple(_row(row) for row in reader)
        except (csv.Error, TypeError, ValueError) as error:
            raise ValueError(f"{where}, line {reader.line_num}: {error}") from error
        places = [
            tuple(row[n] for n in ("task", "arm", "seed", "budget")) for row in rows
        ]
        if len(set(places)) < len(places):
            twice = next(place for place in places if places.count(place) > 1)
            raise ValueError(f"{where} has two rows of {shown(twice)}")
        return cls(rows)


def _row(texts: dict[str, str]) -> dict[str, str | int | float]:
    """A row with numbers where its columns have them; ValueError for a bad one."""
    if None in texts or None in texts.values():
        raise ValueError("it has more or fewer values than the header has names")
    row: dict[str, str | int | float] = {}
    for name, text in texts.items():
        if name in _TEXTS:
            row[name] = text
        elif name == "seed":
            row[name] = int(text)
        elif name not in COLUMNS and not text:
            continue  # a value that this model does not have
        else:
            row[name] = float(text)
            if not math.isfinite(float(text)):
                raise ValueError(f"{name} must be finite, got {text}")
    return row


def part_files(folder: Path) -> list[Path]:
    """Return the tables of a design's folder, in the order of their names."""
    return sorted(folder.glob("*.csv"))


def read_part(path: Path) -> tuple[Losses, dict]:
    """Return the table of a part and its document.

    Args:
        path: the table; the document is beside it.

    Raises:
        ValueError: if the document is missing or was changed, or names another table.
    """
    document = path.with_suffix(".json")
    if not document.is_file():
        raise ValueError(f"{path} has no document: {document} does not exist")
    parts = unsealed(document.read_bytes(), document)
    content = path.read_bytes()
    files = parts.get("files")
    digest = hashlib.sha256(content).hexdigest()
    if not isinstance(files, dict) or files.get(path.name) != digest:
        raise ValueError(
            f"{path} is not the table that {document} names: restore both files from "
            "the repository"
        )
    return Losses.from_csv(content, path), parts


def study(slug: str, design: str = "base") -> pd.DataFrame:
    """Return the losses of all finished parts of a study.

    The cache key of a run covers them if the notebook calls this with both names
    written out.

    Args:
        slug: the name of the study.
        design: the name of one of its designs.

    Returns:
        One row per model, with the columns of `COLUMNS` and further ones. Its
        `attrs["parameters"]` are the notebook's parameters, seeds left out.

    Raises:
        FileNotFoundError: if the study has no finished part of this design.
        ValueError: for a part that was changed.
    """
    import pandas as pd

    folder = folder_of(slug) / check_name(design, "the design of a study")
    files = part_files(folder)
    if not files:
        raise FileNotFoundError(
            f"the study {slug} has no finished part in {folder}; "
            f"`ssmbook study {slug}` makes them"
        )
    parts = [read_part(file) for file in files]
    table = pd.DataFrame([row for losses, _ in parts for row in losses.rows])
    values = parts[0][1]["parameters"].items()
    own = {name: value for name, value in values if name not in ("seed", "n_seeds")}
    table.attrs["parameters"] = own
    return table


def record_losses(rows: pd.DataFrame) -> None:
    """Store the losses of this run, which become a part of a study.

    Args:
        rows: one row per model, with the columns of `COLUMNS`, and further ones with
            numbers, which may be missing. Numbers are stored with nine digits.

    Raises:
        ValueError: for a missing column, or a value that is not a finite number.
    """
    if missing := [name for name in COLUMNS if name not in rows]:
        raise ValueError(f"rows must have the columns {', '.join(missing)}")
    names = [*COLUMNS, *(name for name in rows if name not in COLUMNS)]
    content = rows[names].to_csv(index=False, float_format="%.9g", lineterminator="\n")
    Losses.from_csv(content.encode(), "rows")
    glue.text(content, NAME)
