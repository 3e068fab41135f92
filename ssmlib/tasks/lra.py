"""Read published files of the Long Range Arena as splits; nothing is downloaded.

The unpacked lra_release.gz of the Long Range Arena (arXiv 2011.04006) has the folders
that these functions read: listops-1000, tsv_data and pathfinder32 (or 64, 128). Its
task Text is `text.imdb`, and its task Image is `image_files.cifar10`.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import torch

from ssmlib import _checks
from ssmlib.tasks import _folders, _pictures
from ssmlib.tasks._characters import tokens, vocabulary
from ssmlib.tasks._folders import lines
from ssmlib.tasks._headers import shown
from ssmlib.tasks.listops import WORDS, parsed
from ssmlib.tasks.split import PARTS, Split

_LISTOPS = ("basic_train.tsv", "basic_val.tsv", "basic_test.tsv")
_PAIRS = tuple(f"new_aan_pairs.{part}.tsv" for part in ("train", "eval", "test"))
#: published sizes, of the parts or of all pictures
_EXPRESSIONS = (96000, 2000, 2000)
_DOCUMENTS = (147086, 18090, 17437)
_PICTURES = 200_000
#: the difficulty that the benchmark takes
_PATHS = "curv_contour_length_14"
_BRACKETS = re.compile(r"[()]")
_NO_TOKEN = str.maketrans("", "", "()")
#: token of the end of an expression
END = len(WORDS)


def listops(folder: str | Path | None = None, *, end: bool = False) -> Split:
    """Return the published ListOps data as tokens, lengths and values.

    Round brackets are left out, as in other work on this data. Other numbers of
    expressions than 96,000, 2,000 and 2,000 cause an `UnpublishedWarning`.

    Args:
        folder: contains basic_train.tsv, basic_val.tsv and basic_test.tsv in UTF-8.
            Each has the columns Source and Target. None for the folder
            lra_release/lra_release/listops-1000 below SSMLIB_DATA.
        end: whether each expression ends in a token of its own, 16, as by the authors
            of S4.

    Returns:
        Tokens as of `tasks.listops`, lengths, and values 0 to 9.

    Raises:
        FileNotFoundError: if the folder or a file is missing.
        TypeError: if folder is not a path, or end not a bool.
        ValueError: for other columns, a Source that is not a complete expression, a
            Target that is not its value, a file without an expression, or if neither
            folder nor SSMLIB_DATA is given.
    """
    last = [END] if _checks.boolean("end", end) else []
    place = _folders.place("lra_listops", folder)
    parts = list(map(_expressions, _folders.files("lra_listops", place, _LISTOPS)))
    _folders.count("lra_listops", *_sizes([y for _, y in parts], _EXPRESSIONS))
    longest = max(len(row) for rows, _ in parts for row in rows) + len(last)
    data, lengths = [], []
    for rows, values in parts:
        x = torch.zeros(len(rows), longest, dtype=torch.int64, device="cpu")
        long = [len(row) + len(last) for row in rows]
        for line, row in zip(x, rows, strict=True):
            line[: len(row) + len(last)] = torch.tensor(row + last, device="cpu")
        data += [x, torch.tensor(values, device="cpu")]
        lengths.append(torch.tensor(long, device="cpu"))
    return Split(*data, *lengths)


def _sizes(parts: list, published: tuple[int, ...]) -> tuple[dict, dict]:
    """The sizes of the parts and the published ones, by part."""
    sizes = dict(zip(PARTS, map(len, parts), strict=True))
    return sizes, dict(zip(PARTS, published, strict=True))


def _expressions(path: Path) -> tuple[list[list[int]], list[int]]:
    rows, values = [], []
    rest = lines(path)
    header = next(rest, "")
    columns = header.split("\t")
    if sorted(columns) != ["Source", "Target"]:
        raise ValueError(
            f"{path}, line 1, must name the columns Source and Target alone, got "
            f"{header[:60]!r}"
        )
    source = columns.index("Source")
    for number, line in enumerate(rest, start=2):
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


def _balanced(text: str) -> bool:
    depth = 0
    for bracket in _BRACKETS.findall(text):
        depth += 1 if bracket == "(" else -1
        if depth < 0:
            return False
    return depth == 0


def retrieval(folder: str | Path | None = None, *, longest: int = 4000) -> Split:
    """Return the published Retrieval data: pairs of papers, related (1) or not (0).

    A token is a character, and the characters are those of the training part. Each
    text ends in the token 2. The padding counts, because a `Split` has one length per
    sequence and not one per text. Other numbers of pairs than 147,086, 18,090 and
    17,437 cause an `UnpublishedWarning`.

    Args:
        folder: contains new_aan_pairs.train.tsv, new_aan_pairs.eval.tsv and
            new_aan_pairs.test.tsv in UTF-8, without a header. Each line has a label,
            two names and two texts. None for the folder
            lra_release/lra_release/tsv_data below SSMLIB_DATA.
        longest: number of tokens at which a text is cut, the last one included. All
            pairs with 4,000 tokens take 11.7 GB.

    Returns:
        Tokens (n, 2, L) int64, with L that of the longest text, 0 for padding and 1 for
        a character that the training part lacks; labels (n,) int64.

    Raises:
        FileNotFoundError: if the folder or a file is missing.
        TypeError: if folder is not a path, or longest not an integer.
        ValueError: for a line of another form, an empty text, a label other than 0 or
            1, a file without a pair, longest below 2, or if neither folder nor
            SSMLIB_DATA is given.
    """
    _checks.integer("longest", longest, least=2)
    place = _folders.place("lra_retrieval", folder)
    paths = _folders.files("lra_retrieval", place, _PAIRS)
    parts = [_documents(path, longest - 1) for path in paths]
    _folders.count("lra_retrieval", *_sizes([y for _, y in parts], _DOCUMENTS))
    ids = vocabulary(parts[0][0])
    most = 1 + max(len(text) for texts, _ in parts for text in texts)
    data = []
    for texts, labels in parts:
        x, _ = tokens(texts, ids, most)
        data += [x.view(-1, 2, most), torch.tensor(labels, device="cpu")]
    return Split(*data)


def _documents(path: Path, most: int) -> tuple[list[str], list[int]]:
    """The texts of a file, two per pair and each cut, and the labels."""
    texts, labels = [], []
    for number, line in enumerate(lines(path), start=1):
        label, *fields = line.split("\t")
        if len(fields) != 4 or label not in ("0", "1", "0.0", "1.0"):
            raise ValueError(
                f"{path}, line {number}, must hold a label 0 or 1, two names and two "
                f"texts, got {len(fields) + 1} columns and the label {shown(label)}"
            )
        if not all(fields[2:]):
            raise ValueError(f"{path}, line {number}, must hold two texts, got none")
        texts += (text[:most] for text in fields[2:])
        labels.append(int(float(label)))
    if not labels:
        raise ValueError(f"{path} must hold pairs, got an empty file")
    return texts, labels


def pathfinder(folder: str | Path | None = None, seed: int = 0) -> Split:
    """Return the published Pathfinder data as sequences of pixels with labels 0 and 1.

    80 % are training data, 10 % validation and 10 % test data. The authors of S4 train
    on pixels 2 x - 1, from -1 to 1. Another number of pictures than 200,000 causes an
    `UnpublishedWarning`.

    Args:
        folder: contains curv_contour_length_14 with the folders metadata (numbered text
            files; each line has a folder, a file, a number and a label 0 or 1) and imgs
            (pictures of 8 bits per channel). None for the folder
            lra_release/lra_release/pathfinder32 below SSMLIB_DATA.
        seed: draws the division, a non-negative integer.

    Returns:
        Inputs (n, size * size) float32 in [0, 1], labels (n,) int64.

    Raises:
        ModuleNotFoundError: if Pillow is missing.
        FileNotFoundError: if the folder or a file is missing.
        TypeError: if folder is not a path, or seed not an integer.
        ValueError: for a line of another form, an incomplete picture, a picture that is
            listed twice, pictures that are not square or differ in size, fewer than ten
            pictures, or if neither folder nor SSMLIB_DATA is given.
    """
    found = _pathfinder("lra_pathfinder", folder, seed)
    _folders.count("lra_pathfinder", *found[1:])
    return found[0]


def pathx(folder: str | Path | None = None, seed: int = 0) -> Split:
    """Return the published Path-X data, which are Pathfinder of 128 pixels.

    Args:
        folder: as of `pathfinder`. None for the folder
            lra_release/lra_release/pathfinder128 below SSMLIB_DATA.
        seed: as of `pathfinder`.

    Returns:
        Inputs (n, 16384) float32 in [0, 1], labels (n,) int64. All pictures take 13 GB,
        and 19 GB while they are read.

    Raises:
        ModuleNotFoundError: as `pathfinder`.
        FileNotFoundError: as `pathfinder`.
        TypeError: as `pathfinder`.
        ValueError: as `pathfinder`, or for pictures of another size.
    """
    found = _pathfinder("lra_pathx", folder, seed)
    if found[0].x_train.shape[-1] != 128**2:
        raise ValueError(
            f"folder must hold pictures of 128 x 128 pixels, got "
            f"{found[0].x_train.shape[-1]:,} pixels: read others by lra.pathfinder"
        )
    _folders.count("lra_pathx", *found[1:])
    return found[0]


def _pathfinder(
    name: str, folder: str | Path | None, seed: int
) -> tuple[Split, dict[str, int], dict[str, int]]:
    """The pictures, their number and the published number."""
    _checks.integer("seed", seed, least=0)
    place = _folders.place(name, folder)
    images, labels = _pictures.read(name, place / _PATHS)
    order = torch.from_numpy(np.random.default_rng(seed).permutation(len(labels)))
    data = []
    for own in torch.tensor_split(order, [len(order) * 8 // 10, len(order) * 9 // 10]):
        data += [images[own].float().div_(255), labels[own]]
    sizes = {"the whole": len(labels)}, {"the whole": _PICTURES}
    return Split(*data), *sizes
