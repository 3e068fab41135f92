"""Modules with the parameters, shapes and laws of other packages, and nothing else.

They were written from the published formulas. `test_adapters_real` has the packages
themselves, where they are installed.
"""

import math

import torch
from torch import nn

from ssmlib.initialization import initialize
from ssmlib.initialization.schemes import uniform


def generator(seed):
    return torch.Generator().manual_seed(seed)


def drawn_dt(n, g, low=1e-3, high=1e-1):
    span = math.log(high) - math.log(low)
    return torch.exp(math.log(low) + span * uniform(n, g))


def inverse_softplus(dt):
    return torch.log(torch.expm1(dt))


def parameter(x):
    return nn.Parameter(x.float().clone())


class Mamba(nn.Module):
    """Mamba 1 of d_inner features with N modes."""

    def __init__(self, H=64, N=16, rank=4, seed=0):
        super().__init__()
        g = generator(seed)
        self.A_log = parameter(torch.log(torch.arange(1.0, N + 1)).repeat(H, 1))
        self.D = nn.Parameter(torch.ones(H))
        self.dt_proj = nn.Linear(rank, H)
        weight = (2 * uniform(H * rank, g) - 1) * rank**-0.5
        self.dt_proj.weight = parameter(weight.reshape(H, rank))
        self.dt_proj.bias = parameter(inverse_softplus(drawn_dt(H, g)))


class Mamba2(nn.Module):
    """Mamba 2 of H heads."""

    def __init__(self, H=64, seed=0):
        super().__init__()
        g = generator(seed)
        self.A_log = parameter(torch.log(1 + 15 * uniform(H, g)))
        self.dt_bias = parameter(inverse_softplus(drawn_dt(H, g)))
        self.D = nn.Parameter(torch.ones(H))
        self.conv1d = nn.Conv1d(8, 8, 4, groups=8)


class GatedDeltaNet(nn.Module):
    """Gated DeltaNet by the law of its authors (fla) or of Qwen's."""

    def __init__(self, H=64, seed=0, qwen=False):
        super().__init__()
        g = generator(seed)
        self.A_log = parameter(torch.log(0.01 + 15.99 * uniform(H, g)))
        bias = torch.ones(H) if qwen else inverse_softplus(drawn_dt(H, g))
        self.dt_bias = parameter(bias)
        name = "in_proj_ba" if qwen else "a_proj"
        self.add_module(name, nn.Linear(4, H, bias=False))


class S4D(nn.Module):
    """The minimal S4D of state-spaces/s4."""

    def __init__(self, H=16, N=32, seed=0, scheme="lin"):
        super().__init__()
        A, _ = initialize(scheme, N)
        self.log_A_real = parameter(torch.log(-A.real).repeat(H, 1))
        self.A_imag = parameter(A.imag.repeat(H, 1))
        self.log_dt = parameter(torch.log(drawn_dt(H, generator(seed))))
        self.C = nn.Parameter(torch.zeros(H, N // 2, 2))


class S4Kernel(nn.Module):
    """S4 of state-spaces/s4: diag(A) - P P*, frequencies stored with their sign off."""

    def __init__(self, H=16, N=32, seed=0, scheme="legs", low_rank=True, copies=None):
        super().__init__()
        A, B = initialize(scheme, N, B="hippo" if low_rank else "one")
        S, n = copies or H, N // 2
        self.A_real = parameter(torch.log(-A.real).repeat(S, 1))
        self.A_imag = parameter(A.imag.repeat(S, 1))
        B = torch.view_as_real(B.conj().resolve_conj())
        self.B = parameter(B.repeat(1, S, 1, 1).reshape(1, S, n, 2))
        self.C = nn.Parameter(torch.zeros(1, H, n, 2))
        self.inv_dt = parameter(torch.log(drawn_dt(H, generator(seed)))[:, None])
        if low_rank:
            self.P = parameter(self.B.detach() / 2**0.5)


class DSS(nn.Module):
    """DSS-exp, with one time step of the real and one of the imaginary part."""

    def __init__(self, H=16, N=32, seed=0, both=True):
        super().__init__()
        A, _ = initialize("legs", 2 * N)
        self.Lambda_log_neg_re = parameter(torch.log(-A.real))
        self.Lambda_im = parameter(A.imag)
        log_dt = torch.log(drawn_dt(H, generator(seed)))
        self.log_dt = parameter(log_dt[:, None].repeat(1, 2) if both else log_dt)
        self.W = nn.Parameter(torch.zeros(1, H, N, 2))


class Rwkv(nn.Module):
    """RWKV-4: one decay per channel, which depends on the depth of the layer."""

    def __init__(self, H=64, depth=0.3):
        super().__init__()
        share = torch.arange(H) / (H - 1)
        self.time_decay = parameter(-5 + 8 * share ** (0.7 + 1.3 * depth))
        self.time_first = nn.Parameter(torch.ones(H))


def s5(P=16, H=8, seed=0, blocks=1):
    """Parameters of S5 as a pytree of NumPy."""
    g = generator(seed)
    frequencies = initialize("legs", 2 * P // blocks)[0].imag.repeat(blocks)
    log_step = torch.log(drawn_dt(P, g))[:, None]
    return {
        "Lambda_re": torch.full((P,), -0.5).numpy(),
        "Lambda_im": (-frequencies).float().numpy(),
        "log_step": log_step.float().numpy(),
        "B": torch.randn(P, H, 2, generator=g).numpy(),
        "C": torch.randn(H, P, 2, generator=g).numpy(),
        "D": torch.randn(H, generator=g).numpy(),
    }


def lru(N=32, H=8, seed=0, r_min=0.0, r_max=1.0, max_phase=6.28):
    """Parameters of the LRU as a pytree of NumPy."""
    g = generator(seed)
    square = r_min**2 + uniform(N, g) * (r_max**2 - r_min**2)
    found = {
        "nu_log": torch.log(-0.5 * torch.log(square)),
        "theta_log": torch.log(max_phase * uniform(N, g)),
        "gamma_log": 0.5 * torch.log(1 - square),
        "B_re": torch.randn(N, H, generator=g) / (2 * H) ** 0.5,
        "B_im": torch.randn(N, H, generator=g) / (2 * H) ** 0.5,
    }
    return {name: value.float().numpy() for name, value in found.items()}
