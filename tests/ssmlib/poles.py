"""Eigenvalues for the tests of memory: drawn, or those of a scheme."""

import math

import numpy as np
import torch

from ssmlib.initialization import initialize, spectrum


def discrete(name, N, dt):
    return torch.exp(dt * spectrum(initialize(name, N)[0]))


def tensor(values):
    return torch.tensor(np.asarray(values, dtype=complex))


def closed(values):
    return np.concatenate([values, values.conj()])


def disc(n, low=0.0, high=1.0, seed=0):
    rng = np.random.default_rng([n, seed])
    radius = np.sqrt(rng.uniform(low**2, high**2, n))
    return radius * np.exp(2j * math.pi * rng.uniform(size=n))
