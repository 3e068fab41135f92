"""Texts as sequences of tokens, one per character."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

#: tokens that are no characters: padding, an unknown character, the end of a text
PADDING, UNKNOWN, END = range(3)
_CODES = 0x110000


def _codes(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le"), dtype="<u4")


def _joined(texts: Iterable[str], size: int = 2**20) -> Iterator[str]:
    """The texts, many in one."""
    own, long = [], 0
    for text in texts:
        own.append(text)
        long += len(text)
        if long > size:
            yield "".join(own)
            own, long = [], 0
    yield "".join(own)


def vocabulary(texts: Iterable[str], least: int = 1) -> np.ndarray:
    """Return the token of each character, by its code point.

    Args:
        texts: contain the characters. The tokens are numbered from 3 in the order of
            the code points.
        least: how often a character must occur to have a token of its own.

    Returns:
        (1114112,) int64, `UNKNOWN` for all other characters.
    """
    counts = np.zeros(_CODES, dtype=np.int64)
    for text in _joined(texts):
        counts += np.bincount(_codes(text), minlength=_CODES)
    known = np.flatnonzero(counts >= max(least, 1))
    ids = np.full(_CODES, UNKNOWN, dtype=np.int64)
    ids[known] = np.arange(len(known)) + END + 1
    return ids


def tokens(texts: Sequence[str], ids: np.ndarray, most: int) -> tuple[Tensor, Tensor]:
    """Return texts as tokens, each followed by `END`, and then by `PADDING`.

    Args:
        texts: n texts of at most most - 1 characters.
        ids: as of `vocabulary`.
        most: number of tokens per row.

    Returns:
        (n, most) int64, and the lengths (n,) int64.
    """
    x = np.full((len(texts), most), PADDING, dtype=np.int64)
    for row, text in zip(x, texts, strict=True):
        row[: len(text)] = ids[_codes(text)]
        row[len(text)] = END
    lengths = torch.tensor([len(text) + 1 for text in texts], device="cpu")
    return torch.from_numpy(x), lengths
