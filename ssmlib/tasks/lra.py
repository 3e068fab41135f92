"""Read published files of the Long Range Arena as splits; nothing is downloaded.

The unpacked lra_release.gz of the Long Range Arena (arXiv 2011.04006) has the folders
that these functions read: listops-1000 and pathfinder32 (or 64, 128).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from ssmlib import _checks
from ssmlib._imports import optional
from ssmlib.tasks.listops import parsed
from ssmlib.tasks.split import Split

_LISTOPS = ("basic_train.tsv", "basic_val.tsv", "basic_test.tsv")
#: the difficulty that the benchmark takes
_PATHS = "curv_contour_length_14"
_BRACKETS = re.compile(r"[()]")
_NO_TOKEN = str.maketrans("", "", "()")


def listops(folder: str | Path) -> Split:
    """Return the published ListOps data as tokens, lengths and values.

    Round brackets are left out, as in other work on this data.

    Args:
        folder: contains basic_train.tsv, basic_val.tsv and basic_test.tsv in UTF-8.
            Each has the columns Source and Target.

    Returns:
        Tokens as of `tasks.listops`, lengths, and values 0 to 9.

    Raises:
        FileNotFoundError: if a file is missing.
        TypeError: if folder is not a path.
        ValueError: for other columns, a Source that is not a complete expression, a
            Target that is not its value, or a file without an expression.
    """
    place = _place(folder)
    parts = [_expressions(_file(place / name)) for name in _LISTOPS]
    longest = max(len(row) for rows, _ in parts for row in rows)
    data, lengths = [], []
    for rows, values in parts:
        x = torch.zeros(len(rows), longest, dtype=torch.int64, device="cpu")
        for line, row in zip(x, rows, strict=True):
            line[: len(row)] = torch.tensor(row, device="cpu")
        data += [x, torch.tensor(values, device="cpu")]
        lengths.append(torch.tensor([len(row) for row in rows], device="cpu"))
    return Split(*data, *lengths)


def _expressions(path: Path) -> tuple[list[list[int]], list[int]]:
    rows, values = [], []
    lines = _lines(path)
    header = next(lines, "")
    columns = header.split("\t")
    if sorted(columns) != ["Source", "Target"]:
        raise ValueError(
            f"{path}, line 1, must name the columns Source and Target alone, got "
            f"{header[:60]!r}"
        )
    source = columns.index("Source")
    for number, line in enumerate(lines, start=2):
        try:
            fields = line.split("\t")
            if len(fields) != 2:
                raise ValueError(f"it has {len(fields)} columns")
            if not _balanced(fields[source]):
                raise ValueError("its round brackets do not match")
            tokens, value = parsed(fields[source].translate(_NO_TOKEN))
            if fields[1 - source].strip() != str(value):
                raise ValueError(
                    f"the value is {value}, Target says {fields[1 - source]!r}"
                )
        except ValueError as error:
            raise ValueError(
                f"{path}, line {number}, must hold an expression as Source and "
                f"its value as Target: {error}"
            ) from error
        rows.append(tokens)
        values.append(value)
    if not rows:
        raise ValueError(f"{path} holds no expression")
    return rows, values


def _lines(path: Path) -> Iterator[str]:
    """Return the lines of a text file; raise ValueError if it is not UTF-8."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            for line in file:
                yield line.rstrip("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} must be a text file in UTF-8: {error}") from error


def _balanced(text: str) -> bool:
    depth = 0
    for bracket in _BRACKETS.findall(text):
        depth += 1 if bracket == "(" else -1
        if depth < 0:
            return False
    return depth == 0


def pathfinder(folder: str | Path, seed: int = 0) -> Split:
    """Return the published Pathfinder data as sequences of pixels with labels 0 and 1.

    80 % are training data, 10 % validation and 10 % test data.

    Args:
        folder: contains curv_contour_length_14 with the folders metadata (numbered text
            files; each line has a folder, a file, a number and a label 0 or 1) and imgs
            (pictures of 8 bits per channel).
        seed: draws the division, a non-negative integer.

    Returns:
        Inputs (n, size * size) float32 in [0, 1], labels (n,) int64.

    Raises:
        ModuleNotFoundError: if Pillow is missing.
        FileNotFoundError: if a file is missing.
        TypeError: if folder is not a path, or seed not an integer.
        ValueError: for a line of another form, an incomplete picture, a picture that is
            listed twice, pictures that are not square or differ in size, or fewer than
            ten pictures.
    """
    _checks.integer("seed", seed, least=0)
    place = _there(_place(folder) / _PATHS)
    images, labels = [], []
    listed: set[Path] = set()
    files = list(place.glob("metadata/*.npy"))
    for file in files:
        if not file.stem.isdecimal():
            raise ValueError(f"{file} must have a number as its name, as 0.npy")
    for file in sorted(files, key=lambda file: int(file.stem)):
        for line in _lines(_file(file)):
            words = line.split()
            if len(words) < 4 or not words[2].isdecimal() or words[3] not in ("0", "1"):
                raise ValueError(
                    f"{file} must hold a folder, a file, a number and a label 0 or 1 "
                    f"a line, got {line[:60]!r}"
                )
            path = _file(place / words[0] / words[1])
            if path.resolve() in listed:
                raise ValueError(
                    f"{file} must list each picture once, got {words[0]}/{words[1]} "
                    "again: it could be in two parts of the split"
                )
            listed.add(path.resolve())
            images.append(_picture(path))
            labels.append(int(words[3]))
    if len(labels) < 10:
        raise ValueError(
            f"{place} must hold at least 10 pictures, listed in metadata/*.npy; got "
            f"{len(labels)}"
        )
    shapes = sorted({image.shape for image in images})
    if len(shapes) != 1 or shapes[0][0] != shapes[0][1]:
        raise ValueError(f"{place} must hold square pictures of one size, got {shapes}")
    order = torch.from_numpy(np.random.default_rng(seed).permutation(len(labels)))
    x = torch.from_numpy(np.stack(images)).flatten(1)[order].float() / 255
    y = torch.tensor(labels, device="cpu")[order]
    cuts = [len(y) * 8 // 10, len(y) * 9 // 10]
    parts = zip(torch.tensor_split(x, cuts), torch.tensor_split(y, cuts), strict=True)
    return Split(*(part for pair in parts for part in pair))


def _picture(path: Path) -> np.ndarray:
    """Return gray values (height, width) uint8; raise ValueError for other files."""
    Image = optional("PIL.Image", "data")
    try:
        with Image.open(path) as image:
            if image.mode not in ("1", "L", "RGB"):  # 16 bits would be clipped
                raise ValueError(f"its mode is {image.mode}")
            return np.asarray(image.convert("L"), dtype=np.uint8)
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(
            f"{path} must be a complete picture, grey or RGB of 8 bits: {error}"
        ) from error


def _place(folder: str | Path) -> Path:
    if not isinstance(folder, str | os.PathLike):
        raise TypeError(f"folder must be a path, got {type(folder).__name__}")
    return Path(folder)


def _file(path: Path) -> Path:
    if _there(path).is_dir():
        raise ValueError(f"{path} must be a file, got a folder")
    return path


def _there(path: Path) -> Path:
    if not path.exists():
        raise FileNotFoundError(
            f"{path} does not exist: data must be a folder of the Long Range Arena's "
            "release, as listops-1000 or pathfinder32"
        )
    return path
