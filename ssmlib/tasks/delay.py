"""Tasks of pure memory: what came long ago, asked for at the end or at each step."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ssmlib import _checks
from ssmlib.inputs import Process
from ssmlib.tasks.split import Split


def block_weights(L: int, length: int) -> Tensor:
    """Weights by lag of the block-copy target: (L,) float64, of norm 1.

    The target is the sum of the first `length` tokens over sqrt(length); under
    white noise it has variance 1. Raises ValueError unless 1 <= length <= L.
    """
    _checks.integer("L", L)
    if not 1 <= _checks.integer("length", length) <= L:
        raise ValueError(f"length must be at most L = {L}, got {length}")
    weights = torch.zeros(L, dtype=torch.float64)
    weights[L - length :] = length**-0.5
    return weights


def block_copy(
    n: int, L: int, length: int, seed: int = 0, process: Process | None = None
) -> Split:
    """Noise (n, L) and, as target (n,), the scaled sum of its first tokens.

    process: a stationary one of `inputs`, white noise if None; the target has
    variance 1. As many sequences again for validation, and for testing. Errors as
    `block_weights`.
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
        lags = torch.arange(length)
        row = process.moment(L)[:length]
        R = row[(lags[:, None] - lags).abs()]  # of the first tokens
        weights = weights / (R.sum() / length).sqrt()
    return _thirds(x.float(), (x @ weights).float())


def recall(n: int, L: int, vocabulary: int, delay: int, seed: int = 0) -> Split:
    """Random tokens, and as target a step the token `delay` steps back.

    Inputs are one-hot, (n, vocabulary, L) float32; targets (n, L) int64, -100 (none) at
    the first `delay` steps. As many sequences again for validation, and for testing.
    Raises ValueError for fewer than two tokens, or unless 1 <= delay < L.
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
