"""Memory tasks: reproduce earlier inputs at the end or at each step."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ssmlib import _checks
from ssmlib.inputs import Process
from ssmlib.tasks.split import Split


def block_weights(L: int, length: int) -> Tensor:
    """Return the weight of each lag in the target of block-copy.

    The target is the sum of the first `length` inputs divided by sqrt(length). Its
    variance under white noise is 1.

    Args:
        L: length of the sequence.
        length: number of inputs in the sum, 1 to L.

    Returns:
        (L,) float64, of norm 1.

    Raises:
        TypeError: if an argument is not an integer.
        ValueError: for an argument out of range.
    """
    _checks.integer("L", L)
    if not 1 <= _checks.integer("length", length) <= L:
        raise ValueError(f"length must be at most L = {L}, got {length}")
    weights = torch.zeros(L, dtype=torch.float64, device="cpu")
    weights[L - length :] = length**-0.5
    return weights


def block_copy(
    n: int, L: int, length: int, seed: int = 0, process: Process | None = None
) -> Split:
    """Return noise and, as the target, the scaled sum of its first values.

    Args:
        n: number of sequences in each of the three parts.
        L: length of a sequence.
        length: number of inputs in the sum, 1 to L.
        seed: draws the data, a non-negative integer.
        process: a stationary process of `inputs`; white noise if None.

    Returns:
        Inputs (n, L) float32 and targets (n,) float32 of variance 1.

    Raises:
        TypeError: if n, L, length or seed is not an integer.
        ValueError: for an argument out of range.
    """
    weights = block_weights(L, length).flip(0)
    _checks.integer("seed", seed, least=0)
    n3 = 3 * _checks.integer("n", n)
    if process is None:
        x = np.random.default_rng(seed).standard_normal((n3, L))
        x = torch.from_numpy(x)
    else:
        generator = torch.Generator().manual_seed(seed)
        x = process.sample(n3, L, generator)
        lags = torch.arange(length, device="cpu")
        row = process.moment(L)[:length]
        R = row[(lags[:, None] - lags).abs()]  # of the first tokens
        weights = weights / (R.sum() / length).sqrt()
    return _thirds(x.float(), (x @ weights).float())


def recall(n: int, L: int, vocabulary: int, delay: int, seed: int = 0) -> Split:
    """Return random tokens; the target of each step is the token `delay` steps ago.

    Args:
        n: number of sequences in each of the three parts.
        L: length of a sequence.
        vocabulary: number of different tokens, at least 2.
        delay: 1 to L - 1.
        seed: draws the data, a non-negative integer.

    Returns:
        One-hot inputs (n, vocabulary, L) float32, and targets (n, L) int64, which are
        -100 (no target) at the first `delay` steps.

    Raises:
        TypeError: if an argument is not an integer.
        ValueError: for an argument out of range.
    """
    _checks.integer("L", L)
    _checks.integer("vocabulary", vocabulary, least=2)
    if not 1 <= _checks.integer("delay", delay) < L:
        raise ValueError(f"delay must be in [1, L = {L}), got {delay}")
    _checks.integer("seed", seed, least=0)
    n3 = 3 * _checks.integer("n", n)
    tokens = torch.from_numpy(
        np.random.default_rng(seed).integers(vocabulary, size=(n3, L))
    )
    x = torch.nn.functional.one_hot(tokens, vocabulary).mT.float()
    y = torch.full_like(tokens, -100)
    y[:, delay:] = tokens[:, :-delay]
    return _thirds(x, y)


def _thirds(x: Tensor, y: Tensor) -> Split:
    parts = zip(x.chunk(3), y.chunk(3), strict=True)
    return Split(*(part for pair in parts for part in pair))
