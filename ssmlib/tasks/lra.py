"""The Long Range Arena's files, as published, as splits. Nothing is downloaded.

lra_release.gz of the Long Range Arena (arXiv 2011.04006), unpacked, holds the folders
that these functions read: listops-1000 and pathfinder32 (or 64, 128).
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import torch

from ssmlib._imports import optional
from ssmlib.tasks.listops import WORDS
from ssmlib.tasks.split import Split

_LISTOPS = ("basic_train.tsv", "basic_val.tsv", "basic_test.tsv")
#: the difficulty that the benchmark takes
_PATHS = "curv_contour_length_14"
_TOKENS = {word: token for token, word in enumerate(WORDS)}
_NO_TOKEN = str.maketrans("", "", "()")


def listops(folder: str | Path) -> Split:
    """ListOps: tokens of `tasks.listops`, lengths, and values 0 .. 9.

    folder holds basic_train.tsv, basic_val.tsv and basic_test.tsv, each with the
    columns Source and Target. Round brackets are left out, as all who use it do.
    Raises FileNotFoundError where a file is missing, ValueError for a line that is no
    expression.
    """
    parts = [_expressions(_there(Path(folder) / name)) for name in _LISTOPS]
    longest = max(len(row) for rows, _ in parts for row in rows)
    data, lengths = [], []
    for rows, values in parts:
        x = torch.zeros(len(rows), longest, dtype=torch.int64)
        for line, row in zip(x, rows, strict=True):
            line[: len(row)] = torch.tensor(row)
        data += [x, torch.tensor(values)]
        lengths.append(torch.tensor([len(row) for row in rows]))
    return Split(*data, *lengths)


def _expressions(path: Path) -> tuple[list[list[int]], list[int]]:
    rows, values = [], []
    with path.open(newline="") as file:
        for number, line in enumerate(csv.DictReader(file, delimiter="\t"), start=2):
            try:
                words = line["Source"].translate(_NO_TOKEN).split()
                rows.append([_TOKENS[word] for word in words])
                values.append(int(line["Target"]))
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise ValueError(
                    f"{path}, line {number}, must hold an expression as Source and "
                    "its value as Target"
                ) from error
    if not rows:
        raise ValueError(f"{path} holds no expression")
    return rows, values


def pathfinder(folder: str | Path, seed: int = 0) -> Split:
    """Pathfinder: pictures as sequences of pixels (n, size * size) in [0, 1], labels.

    folder holds curv_contour_length_14, and that metadata (text files, a picture a
    line) and imgs. 80 % to train, 10 % each for the rest, as `seed` draws. Needs
    Pillow. Raises FileNotFoundError where a file is missing, ValueError for a line of
    another form or pictures that differ in size.
    """
    Image = optional("PIL.Image", "data")
    place = _there(Path(folder) / _PATHS)
    images, labels = [], []
    for file in sorted(place.glob("metadata/*.npy"), key=lambda file: int(file.stem)):
        for line in file.read_text().splitlines():
            words = line.split()
            if len(words) < 4 or words[3] not in ("0", "1"):
                raise ValueError(
                    f"{file} must hold a folder, a file, a number and a label 0 or 1 "
                    f"a line, got {line[:60]!r}"
                )
            with Image.open(_there(place / words[0] / words[1])) as image:
                images.append(np.asarray(image.convert("L"), dtype=np.uint8))
            labels.append(int(words[3]))
    if len({image.shape for image in images}) != 1:
        raise ValueError(f"{place} must hold pictures of one size")
    order = torch.from_numpy(np.random.default_rng(seed).permutation(len(labels)))
    x = torch.from_numpy(np.stack(images)).flatten(1)[order].float() / 255
    y = torch.tensor(labels)[order]
    cuts = [len(y) * 8 // 10, len(y) * 9 // 10]
    parts = zip(torch.tensor_split(x, cuts), torch.tensor_split(y, cuts), strict=True)
    return Split(*(part for pair in parts for part in pair))


def _there(path: Path) -> Path:
    if not path.exists():
        raise FileNotFoundError(
            f"{path} does not exist: data must be a folder of the Long Range Arena's "
            "release, as listops-1000 or pathfinder32"
        )
    return path
