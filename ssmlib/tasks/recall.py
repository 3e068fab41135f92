"""Tasks that a layer solves by selecting tokens: copy a string, recall values of keys.

A delay solves neither of them at every length: the lag between a token and the step
that asks for it differs, except in strings of one fixed length. The test sequences may
be longer or shorter than the others.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ssmlib import _checks
from ssmlib.tasks.split import Split

#: a target that no loss counts
NONE = -100


def copying(
    n: int,
    length: int,
    vocabulary: int,
    *,
    test_length: int | None = None,
    seed: int = 0,
) -> Split:
    """Return random strings, each with a separator and the string again.

    The last token of the second copy is left out. From the separator on, the target of
    each step is the next token. The tokens of the string are 1 .. vocabulary, and the
    separator is vocabulary + 1. Class c stands for the token c + 1. The best answers
    without memory have the cross-entropy log(vocabulary).

    Args:
        n: number of sequences in each of the three parts.
        length: number of tokens of a string, at least 1.
        vocabulary: number of different tokens, at least 2.
        test_length: as length, for the test part; None for the same.
        seed: draws the data, a non-negative integer.

    Returns:
        Tokens (n, 2 length) int64, and targets of the same shape, -100 where there is
        none.

    Raises:
        TypeError: if an argument is not an integer.
        ValueError: for an argument out of range.
    """
    _checks.integer("n", n)
    _checks.integer("vocabulary", vocabulary, least=2)
    lengths = _lengths("length", length, test_length)
    rng = np.random.default_rng(_checks.integer("seed", seed, least=0))
    return _split(_copies(rng, n, size, vocabulary) for size in lengths)


def key_values(
    n: int,
    pairs: int,
    keys: int,
    values: int,
    *,
    test_pairs: int | None = None,
    seed: int = 0,
) -> Split:
    """Return pairs of a key and a value, then the keys in another order.

    The keys of a sequence are distinct. The target of each key of the second part is
    its value. The keys are the tokens 1 .. keys, and the values are the tokens after
    them; class c stands for the token keys + 1 + c. The best answers without memory
    have the cross-entropy log(values). The task is multi-query associative recall.

    Args:
        n: number of sequences in each of the three parts.
        pairs: number of pairs of a sequence, 1 to keys.
        keys: number of different keys, at least 2.
        values: number of different values, at least 2.
        test_pairs: as pairs, for the test part; None for the same.
        seed: draws the data, a non-negative integer.

    Returns:
        Tokens (n, 3 pairs) int64, and targets of the same shape, -100 where there is
        none.

    Raises:
        TypeError: if an argument is not an integer.
        ValueError: for an argument out of range.
    """
    _checks.integer("n", n)
    _checks.integer("keys", keys, least=2)
    _checks.integer("values", values, least=2)
    sizes = _lengths("pairs", pairs, test_pairs, most=keys)
    rng = np.random.default_rng(_checks.integer("seed", seed, least=0))
    return _split(_associations(rng, n, size, keys, values) for size in sizes)


def _lengths(
    name: str, size: int, test: int | None, most: int | None = None
) -> tuple[int, int, int]:
    """Return the size of the training, validation and test part."""
    _checks.integer(name, size, most=most)
    test = size if test is None else test
    return size, size, _checks.integer(f"test_{name}", test, most=most)


def _copies(
    rng: np.random.Generator, n: int, length: int, vocabulary: int
) -> tuple[np.ndarray, np.ndarray]:
    string = rng.integers(vocabulary, size=(n, length))
    separator = np.full((n, 1), vocabulary)
    x = np.concatenate([string, separator, string[:, :-1]], 1) + 1
    return x, np.concatenate([np.full_like(string, NONE), string], 1)


def _associations(
    rng: np.random.Generator, n: int, pairs: int, keys: int, values: int
) -> tuple[np.ndarray, np.ndarray]:
    # The ranks of random numbers are random orders.
    key = rng.random((n, keys)).argsort(1)[:, :pairs]
    value = rng.integers(values, size=(n, pairs))
    order = rng.random((n, pairs)).argsort(1)
    told = np.stack([key, keys + value], 2).reshape(n, -1)
    x = np.concatenate([told, np.take_along_axis(key, order, 1)], 1) + 1
    asked = np.take_along_axis(value, order, 1)
    return x, np.concatenate([np.full_like(told, NONE), asked], 1)


def _split(parts) -> Split:
    tensors: list[Tensor] = [torch.from_numpy(t) for pair in parts for t in pair]
    return Split(*tensors)
