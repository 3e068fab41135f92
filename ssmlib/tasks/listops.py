"""ListOps: nested operations on digits, drawn as in the Long Range Arena.

An expression is a tree of MIN, MAX, MED (the median without its fraction) and SM (the
sum mod 10) over digits, written in prefix form: [MAX 2 9 [MIN 4 7 ] 0 ]. The root has
depth 1. At each node of a depth below `max_depth`, an operator is drawn with
probability 1/4, otherwise a digit. An operator has 2 to `max_args` arguments. Source:
the Long Range Arena (arXiv 2011.04006), ListOps (arXiv 1804.06028).
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ssmlib import _checks
from ssmlib.tasks._expressions import (
    CLOSE,
    FIRST_OPERATOR,
    OPERATORS,
    WORDS,
    depths,
    evaluate,
    parsed,
    text,
    value_of,
)
from ssmlib.tasks.cache import cached
from ssmlib.tasks.split import Split

__all__ = [
    "CLOSE",
    "DRAWS",
    "FIRST_OPERATOR",
    "LONGEST",
    "OPERATORS",
    "SHARE",
    "VERSION",
    "WORDS",
    "Expressions",
    "baselines",
    "depths",
    "evaluate",
    "generate",
    "length_distribution",
    "parsed",
    "split",
    "text",
]

VERSION = 1
LONGEST = 2000  # published, exclusive
SHARE = 0.25  # of operators among nodes that may be one
#: a set that would take more draws is refused
DRAWS = 10**8


@dataclass(frozen=True)
class Expressions:
    """A set of ListOps expressions.

    Attributes:
        tokens: (n, L) int64, 0 for padding.
        lengths: (n,) int64, the number of tokens.
        values: (n,) int64, 0 to 9.
    """

    tokens: Tensor
    lengths: Tensor
    values: Tensor


class _TooLong(Exception):
    pass


def _draw(rng: random.Random, depth: int, max_args: int, most: int) -> tuple:
    """(tokens, value) of an expression with an operator at its root, or _TooLong."""
    tokens: list[int] = []
    uniform = rng.random

    def operator(level: int) -> int:
        chosen = int(uniform() * 4)
        tokens.append(FIRST_OPERATOR + chosen)
        values = []
        for _ in range(2 + int(uniform() * (max_args - 1))):
            if level < depth and uniform() <= SHARE:
                values.append(operator(level + 1))
            else:
                digit = int(uniform() * 10)
                tokens.append(1 + digit)
                values.append(digit)
        tokens.append(CLOSE)
        if len(tokens) > most:
            raise _TooLong
        return value_of(chosen, values)

    value = operator(2)
    return tokens, value


def length_distribution(max_depth: int, max_args: int, longest: int) -> np.ndarray:
    """Return the probability of each length, given that the root is an operator.

    The result is exact, by convolution from the leaves up.

    Args:
        max_depth: the largest depth, at least 2.
        max_args: the largest number of arguments of an operator, at least 2.
        longest: the largest length that is returned, in tokens.

    Returns:
        (longest + 1,) float64; the sum is below 1 if longer expressions exist.
    """
    digit = np.zeros(longest + 1)
    digit[1:2] = 1.0
    found = digit
    for level in range(max_depth - 1, 0, -1):  # the last is of digits alone
        total, product = np.zeros(longest + 1), np.zeros(longest + 1)
        product[0] = 1.0
        for count in range(1, max_args + 1):
            product = np.convolve(product, found)[: longest + 1]
            if count >= 2:
                total += product / (max_args - 1)
        whole = np.zeros(longest + 1)
        whole[2:] = total[: max(0, longest - 1)]
        if level == 1:
            return whole
        found = SHARE * whole + (1 - SHARE) * digit
    return found


def _check(n: int, min_length: int, max_length: int, max_depth: int, max_args: int):
    _checks.integer("n", n)
    _checks.integer("min_length", min_length, least=0)
    _checks.integer("max_length", max_length, least=0)
    _checks.integer("max_depth", max_depth, least=2)
    _checks.integer("max_args", max_args, least=2)
    longest = max(1, max_length - 1)
    lengths = length_distribution(max_depth, max_args, longest)
    share = float(lengths[min_length + 1 :].sum())
    if share * DRAWS < n:
        raise ValueError(
            f"min_length {min_length}, max_length {max_length}, max_depth {max_depth} "
            f"and max_args {max_args} accept {share:.1e} of the expressions drawn, too "
            f"few to find {n} (both lengths are exclusive, the least has 4 tokens)"
        )


def generate(
    n: int,
    *,
    seed: int,
    min_length: int = 500,
    max_length: int = LONGEST,
    max_depth: int = 10,
    max_args: int = 10,
) -> Expressions:
    """Draw n distinct expressions.

    The defaults are the published ones. The root of each expression is an operator.

    Args:
        n: number of expressions.
        seed: a non-negative integer.
        min_length: the number of tokens is larger than this.
        max_length: the number of tokens is smaller than this.
        max_depth: the largest depth, at least 2.
        max_args: the largest number of arguments of an operator, at least 2.

    Returns:
        The expressions, padded to the longest.

    Raises:
        TypeError: if an argument is not an integer.
        ValueError: for an argument out of range, or bounds that accept too few
            expressions.

    Source: the Long Range Arena (arXiv 2011.04006).
    """
    _check(n, min_length, max_length, max_depth, max_args)
    rng = random.Random(_checks.integer("seed", seed, least=0))
    found: dict[bytes, int] = {}
    since = 0
    while len(found) < n:
        since += 1
        if since > DRAWS // 100:
            raise ValueError(
                f"min_length {min_length} and max_length {max_length} leave fewer than "
                f"{n} distinct expressions: {len(found)} were found"
            )
        try:
            tokens, value = _draw(rng, max_depth, max_args, max_length - 1)
        except _TooLong:
            continue
        if len(tokens) > min_length:
            key = bytes(tokens)
            if key not in found:
                found[key] = value
                since = 0
    lengths = torch.tensor([len(key) for key in found], device="cpu")
    tokens = torch.zeros(n, int(lengths.max()), dtype=torch.int64, device="cpu")
    for row, key in zip(tokens, found, strict=True):
        row[: len(key)] = torch.frombuffer(bytearray(key), dtype=torch.uint8)
    values = torch.tensor(list(found.values()), device="cpu")
    return Expressions(tokens, lengths, values)


def split(n: int, *, seed: int, **bounds: int) -> Split:
    """Return expressions and their values, divided into training and other data.

    80 % are training data, 10 % validation and 10 % test data. No expression occurs in
    two parts. All are padded to max_length - 1, so that sets of other seeds have the
    same shape. The set is stored in the cache (`tasks.cache`).

    Args:
        n: number of expressions, at least 10.
        seed: a non-negative integer.
        **bounds: min_length, max_length, max_depth and max_args, as of `generate`.

    Raises:
        TypeError: if an argument is not an integer.
        ValueError: for n < 10, an unknown bound, and as `generate`.
    """
    n = _checks.integer("n", n, least=10)
    seed = _checks.integer("seed", seed, least=0)
    names = ("min_length", "max_length", "max_depth", "max_args")
    for name in bounds:
        _checks.one_of("bound", name, names)
    bounds = {name: _checks.integer(name, v, least=0) for name, v in bounds.items()}

    def make() -> dict[str, np.ndarray]:
        found = generate(n, seed=seed, **bounds)
        arrays = {name: value.numpy() for name, value in vars(found).items()}
        return arrays | {"tokens": arrays["tokens"].astype(np.uint8)}

    arrays = cached("listops", VERSION, {"n": n, "seed": seed} | bounds, make)
    x = torch.from_numpy(arrays["tokens"]).long()
    x = torch.nn.functional.pad(
        x, (0, bounds.get("max_length", LONGEST) - 1 - x.shape[1])
    )
    y, lengths = (torch.from_numpy(arrays[name]) for name in ("values", "lengths"))
    cuts = [n * 8 // 10, n * 9 // 10]
    parts = zip(*(torch.tensor_split(part, cuts) for part in (x, y)), strict=True)
    return Split(
        *(part for pair in parts for part in pair), *torch.tensor_split(lengths, cuts)
    )


def baselines(data: Split) -> dict[str, float]:
    """Return the test accuracy that is reached without a model.

    Args:
        data: expressions as of `split`.

    Returns:
        "majority" for the most frequent value, and "root" for the most frequent value
        given the first operator. A model that learns from the root alone has not
        learned the hierarchy.
    """
    y = data.y_train
    majority = torch.bincount(y, minlength=10).argmax()
    best = torch.stack(
        [
            torch.bincount(y[data.x_train[:, 0] == root], minlength=10).argmax()
            for root in range(len(WORDS))
        ]
    )
    guessed = {"majority": majority, "root": best[data.x_test[:, 0]]}
    return {
        name: float((guess == data.y_test).double().mean())
        for name, guess in guessed.items()
    }
