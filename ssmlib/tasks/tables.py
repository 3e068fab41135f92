"""Read one column of numbers from a text table whose format is not known."""

from __future__ import annotations

import codecs
import csv
import io
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from ssmlib._imports import optional
from ssmlib.tasks import _decimals
from ssmlib.tasks._headers import NUMBER, is_header, listed, shown

if TYPE_CHECKING:
    import pandas
else:
    pandas = optional("pandas", "data")

#: how a text table's name may end
SUFFIXES = (".csv", ".tsv", ".txt")
_SAMPLE = 100  # lines that decide on separator and header
_EXACT = 2**53  # from there on, float64 skips integers
_BINARY = {
    b"\x1f\x8b": "compressed by gzip: unpack it first",
    b"PK\x03\x04": "a zip archive or a spreadsheet: unpack it, or save it as CSV",
    b"\x93NUMPY": "a NumPy array: let its name end in .npy",
    b"PAR1": "a Parquet file: save it as CSV",
    b"\x89HDF": "an HDF5 file: save it as CSV or .npy",
}
_MARKS = (  # of UTF-32 first: its mark begins as that of UTF-16
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_COMMA = r"[+-]?\d*(?:,\d+)?(?:[eE][+-]?\d+)?"


@dataclass(frozen=True)
class _Layout:
    """The format of a table: the lines before its rows, and how rows are split."""

    separator: str
    names: list[str]
    header: bool
    skipped: int  # lines before the first row of data


def read(path: Path, column: str | None) -> tuple[np.ndarray, tuple[str, ...]]:
    """Read one column of a text table.

    Args:
        path: a file of lines; its encoding, separator, header and decimal sign are
            found from its content.
        column: a name of the header, or the number of a column, from 1, if there is no
            header; None if the table has one column only.

    Returns:
        The values (T,), float64, and a sentence for each guess about the format.

    Raises:
        ValueError: if the file is missing, empty or not text; if the column is not
            given, missing or ambiguous; for a row with too many fields; for a gap, text
            or a Boolean in the column, with its line; or for integers that float64
            cannot represent.
    """
    text, notes = _text(path)
    layout = _layout(path, text, column)
    if not layout.header:
        notes.append("The file has no header: its first line is read as data.")
    if layout.separator not in ",\n":
        kind = {"\t": "tabs", ";": "semicolons"}.get(layout.separator, "spaces")
        notes.append(f"Columns are separated by {kind}.")
    position = _position(path, layout, column)
    name = layout.names[position]
    numbers = map(str, range(1, len(layout.names) + 1))
    if layout.header and (column is None or column.strip() in numbers):
        notes.append(
            f"The first line is read as a header, with the name {shown(name)}."
        )
    body = text.split("\n", layout.skipped)[layout.skipped :]
    if not body or not body[0].strip():
        raise ValueError(f"{path} has no line below its header")
    rows = body[0].rstrip()
    values = cast("pandas.Series", _parsed(path, rows, layout)[position])
    if _decimals.may_be_thousands(values):
        fields = _parsed(path, rows, layout, dtype=str)
        where = f"column {shown(name)} of {path}"
        found = _decimals.are_thousands(where, fields, position, layout.skipped)
        if found is None and layout.separator != ",":
            notes.append("Its points are read as decimal points.")
        if found:
            notes.append("Its points are read as separators of thousands.")
            plain = fields[position].str.replace(".", "")
            values = cast("pandas.Series", pandas.to_numeric(plain))
    return _numbers(path, name, values, layout, notes), tuple(notes)


def _text(path: Path) -> tuple[str, list[str]]:
    """Return the text of a file with line feeds only, and a note on its encoding."""
    if path.is_dir():
        raise ValueError(f"{path} is a folder: name a file in it")
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    content = path.read_bytes()
    for magic, what in _BINARY.items():
        if content.startswith(magic):
            raise ValueError(f"{path} is {what}")
    notes = []
    encoding = next((e for mark, e in _MARKS if content.startswith(mark)), "utf-8")
    if encoding == "utf-8" and b"\0" in content[:10_000]:
        raise ValueError(
            f"{path} is not text, or UTF-16 without a byte order mark: save it as UTF-8"
        )
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding != "utf-8":
            raise ValueError(f"{path} is not valid {encoding}: {error}") from None
        text = content.decode("latin-1")
        notes.append("The file is not UTF-8 and is read as Latin-1.")
    if not text.strip():
        raise ValueError(f"{path} is empty")
    return text.replace("\r\n", "\n").replace("\r", "\n"), notes


def _layout(path: Path, text: str, column: str | None) -> _Layout:
    """Find separator and header from the first lines."""
    head = text.split("\n", 10_000)
    start = 0
    while start < len(head) - 1 and re.fullmatch(r"\s*(#.*|sep=.)?", head[start]):
        start += 1  # empty lines, comments, and the separator as Excel declares it
    sample = [line for line in head[start : start + _SAMPLE] if line.strip()]
    if not sample:
        raise ValueError(f"{path} has no line of data below its comments")
    separator = _separator(sample)
    rows = [_fields(line, separator) for line in sample]
    header = is_header(path, rows, column)
    if header:
        names = [name or f"#{k}" for k, name in enumerate(rows[0], 1)]
    else:
        names = [str(k) for k in range(1, len(rows[0]) + 1)]
    return _Layout(separator, names, header, start + header)


def _fields(line: str, separator: str) -> list[str]:
    if separator == r"\s+":
        return line.split()
    (row,) = csv.reader([line], delimiter=separator, skipinitialspace=True)
    return [field.strip() for field in row]


def _separator(sample: list[str]) -> str:
    r"""Tab, semicolon, comma, \s+ between numbers, or \n for a single column."""
    for separator in "\t;,":
        counts = [len(_fields(line, separator)) for line in sample]
        if counts[0] > 1 and sum(c > 1 for c in counts) > len(counts) / 2:
            return separator
    rows = [line.split() for line in sample]
    alike = len({len(row) for row in rows[1:] or rows}) == 1
    numbers = all(NUMBER.fullmatch(field) for row in rows[1:] or rows for field in row)
    return r"\s+" if alike and numbers and len(rows[-1]) > 1 else "\n"


def _position(path: Path, layout: _Layout, column: str | None) -> int:
    """Return the number of the requested column, from 0."""
    names = layout.names
    if column is None:
        if len(names) > 1:
            raise ValueError(
                f"column must be given, one of {listed(names)}, for {path}"
                + ("" if layout.header else ", which has no header")
                + ("; write decimals with a point" if layout.separator == "," else "")
            )
        return 0
    column = column.strip()
    if column not in names:
        raise ValueError(
            f"column must be one of {listed(names)}; got {shown(column)} for {path}"
        )
    if names.count(column) > 1:
        raise ValueError(
            f"column {shown(column)} occurs {names.count(column)} times in the header "
            f"of {path}: give each column a name of its own"
        )
    return names.index(column)


def _parsed(
    path: Path, body: str, layout: _Layout, dtype: type | None = None
) -> pandas.DataFrame:
    # An empty line is a gap, not nothing. No field becomes an index or is cut off.
    with warnings.catch_warnings(action="error", category=pandas.errors.ParserWarning):
        try:
            return pandas.read_csv(
                io.StringIO(body),
                # A control character stands for "no separator".
                sep="\x1f" if layout.separator == "\n" else layout.separator,
                header=None,
                names=range(len(layout.names)),
                index_col=False,
                skip_blank_lines=False,
                skipinitialspace=True,
                low_memory=False,
                dtype=dtype,
            )
        except pandas.errors.ParserWarning:
            where = f"line {layout.skipped + 1}"
        except pandas.errors.ParserError as error:
            line = re.search(r"(line|row) (\d+)", str(error))
            after = int(line[2]) + (line[1] == "row") if line else 1
            where = f"line {layout.skipped + after}"
            if "EOF inside string" in str(error):
                raise ValueError(
                    f"{path} has a quotation mark in {where} that is never closed"
                ) from None
    raise ValueError(
        f"{path} has rows with more fields than its first line, {len(layout.names)}: "
        f"see {where}; write decimals with a point, and quote fields that contain the "
        "separator"
    )


def _numbers(
    path: Path,
    name: str,
    values: pandas.Series,
    layout: _Layout,
    notes: list[str],
) -> np.ndarray:
    """The column as float64, if each of its fields is one finite number."""
    types = pandas.api.types
    whole = types.is_integer_dtype(values)
    if types.is_bool_dtype(values):
        values = values.astype(str)
    if types.is_numeric_dtype(values):
        read = values.to_numpy(dtype=float)
    else:
        filled = values.dropna().astype(str).str.strip()
        whole = bool(filled.str.fullmatch(r"[+-]?\d+").all())
        if filled.str.contains(",").any() and filled.str.fullmatch(_COMMA).all():
            commas = filled[filled.str.contains(",")]
            if commas.str.fullmatch(_decimals.COMMAS).all():
                raise ValueError(
                    f"column {shown(name)} of {path} has {shown(commas.iloc[0])} in "
                    f"line {layout.skipped + commas.index[0] + 1}, which may be a "
                    "decimal or a thousands comma: write numbers as 1234.5"
                )
            notes.append("Its commas are read as decimal commas.")
            values = values.astype(str).str.replace(",", ".")
        read = np.asarray(pandas.to_numeric(values.astype(str), errors="coerce"), float)
    bad = np.flatnonzero(~np.isfinite(read))
    if len(bad):
        what = values.iloc[bad[0]]
        what = "a gap" if pandas.isna(what) else shown(str(what))
        raise ValueError(
            f"column {shown(name)} of {path} must hold numbers throughout: line "
            f"{layout.skipped + bad[0] + 1} has {what} (in total {len(bad):,} such); "
            "fill or cut them first, and write numbers as 1234.5, without a unit"
        )
    if whole and np.abs(read).max() >= _EXACT:
        raise ValueError(
            f"column {shown(name)} of {path} has integers beyond 2**53, which float64 "
            "cannot represent: subtract an offset first"
        )
    return read
