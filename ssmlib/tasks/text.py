"""Reviews of films as sequences of characters, from the files of aclImdb."""

from __future__ import annotations

import re
from itertools import compress
from pathlib import Path

import torch

from ssmlib import _checks
from ssmlib.tasks import _folders
from ssmlib.tasks._characters import tokens, vocabulary
from ssmlib.tasks.split import Split, tenth

_NAME = re.compile(r"[0-9]+_(10|[1-9])\.txt")
#: lowest and highest rating in each folder; their order is that of the labels
_RATINGS = {"neg": (1, 4), "pos": (7, 10)}
#: published number of texts per folder
_REVIEWS = 12500


def imdb(
    folder: str | Path | None = None,
    *,
    longest: int = 4096,
    least: int = 15,
    seed: int = 0,
) -> Split:
    """Return reviews of films as sequences of characters, negative (0) or positive (1).

    This is the task Text of the Long Range Arena. A tenth of each class of the training
    texts is validation data. A character has a token of its own if it is frequent in
    the training part; all others share one token. Each text ends in the token 2. Other
    numbers of texts than 12,500 per folder cause an `UnpublishedWarning`.

    Args:
        folder: contains the folders train and test, each with the folders pos and neg,
            whose files are called NUMBER_RATING.txt. None for the folder aclImdb below
            SSMLIB_DATA.
        longest: number of tokens at which a text is cut, the last one included.
        least: how often a character must occur in the training part, each text cut, to
            have a token of its own.
        seed: draws the validation data.

    Returns:
        Tokens (n, L) int64, with L that of the longest text, and 0 for padding; labels
        (n,) int64; lengths. With 4,096 tokens they take 1.6 GB.

    Raises:
        FileNotFoundError: if a folder is missing or has no text.
        TypeError: if folder is not a path, or another argument not an integer.
        ValueError: for a text that is empty or not in UTF-8, a file whose name or
            rating does not fit its folder, longest below 2, least below 1, a negative
            seed, or if neither folder nor SSMLIB_DATA is given.
    """
    _checks.integer("longest", longest, least=2)
    _checks.integer("least", least)
    _checks.integer("seed", seed, least=0)
    where = _folders.place("imdb", folder)
    read = {
        f"{part}/{kind}": _texts(where, part, kind, longest - 1)
        for part in ("train", "test")
        for kind in _RATINGS
    }
    sizes = {name: len(texts) for name, texts in read.items()}
    _folders.count("imdb", sizes, dict.fromkeys(sizes, _REVIEWS))
    neg, pos, test_neg, test_pos = read.values()
    texts, y = neg + pos, _labels(len(neg), len(pos))
    valid = tenth(y, seed)
    train = list(compress(texts, (~valid).tolist()))
    held_out = list(compress(texts, valid.tolist()))
    parts = (train, y[~valid]), (held_out, y[valid])
    parts += ((test_neg + test_pos, _labels(len(test_neg), len(test_pos))),)
    ids = vocabulary(train, least)
    most = 1 + max(len(text) for own, _ in parts for text in own)
    data, lengths = [], []
    for own, labels in parts:
        x, long = tokens(own, ids, most)
        data += [x, labels]
        lengths.append(long)
    return Split(*data, *lengths)


def _labels(*sizes: int) -> torch.Tensor:
    """As many labels 0 and 1 as there are texts of each kind."""
    return torch.tensor(
        [k for k, n in enumerate(sizes) for _ in range(n)], device="cpu"
    )


def _texts(where: Path, part: str, kind: str, most: int) -> list[str]:
    """The texts of a folder, in the order of their names, each cut."""
    place = where / part / kind
    paths = sorted(place.glob("*.txt"))
    if not paths:
        raise FileNotFoundError(
            f"{place} must hold texts called NUMBER_RATING.txt, got none: "
            f"{_folders.hint('imdb')}"
        )
    return [_text(path, kind)[:most] for path in paths]


def _text(path: Path, kind: str) -> str:
    name, (low, high) = _NAME.fullmatch(path.name), _RATINGS[kind]
    if not name or not low <= int(name[1]) <= high:
        raise ValueError(
            f"{path} must be called NUMBER_RATING.txt, with a rating from {low} to "
            f"{high} in a folder {kind}"
        )
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} must be a text in UTF-8: {error}") from error
    if not text:
        raise ValueError(f"{path} must hold a text, got an empty file")
    return text
