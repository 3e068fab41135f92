"""State space layers: the same map as a convolution and as a recurrence.

A layer is the SSM map of each feature with its skip term D and nothing else: no
mixing of features, no nonlinearity, no normalization.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from ssmlib import _checks
from ssmlib.discretization import METHODS
from ssmlib.initialization import initialize, is_random
from ssmlib.kernels import final_states, full_precision, vandermonde_product


def _as_complex(re: Tensor, im: Tensor) -> Tensor:
    """Complex128: a rounded A_bar would turn the state's phase by L * 6e-8."""
    return torch.complex(re.double(), im.double())


class S4D(nn.Module):
    """Diagonal SSM, one of N/2 stored modes per feature: (B, H, L) -> (B, H, L).

    y = sum_l K_l u shifted by l, plus D u, with K_l = 2 Re sum_n C_n B_bar_n
    A_bar_n^l. Parameters are real tensors: log_dt (H,), A_re and A_im (H, N/2),
    B_re, B_im (H, N/2), C_re, C_im (H, N/2), or (2, H, N/2) if bidirectional,
    D (H,). A starts equal for all features, C ~ CN(0, 1), D ~ N(0, 1), log dt
    uniform between the logarithms of dt_min and dt_max (time a step).

    The real part of A is a free parameter held at or below 0: the map uses
    min(A_re, 0) and passes the gradient through, and `project_` (called by
    `optimizer` after every step) puts it back. So 0 can be reached, left and kept.

    init: a name of `initialization.names()`, or a pair (A, B) of complex (N/2,)
    tensors. discretization: "zoh" or "bilinear". skip=False leaves D out. seed
    draws C, D, dt, and the modes of a random scheme.
    Raises ValueError or TypeError for arguments outside these.
    Source: S4D (arXiv 2206.11893); chapter `state-space-models`.
    """

    #: parameters with a learning rate of their own and no weight decay
    ssm_parameters = ("log_dt", "A_re", "A_im", "B_re", "B_im")

    def __init__(
        self,
        d_model: int,
        d_state: int = 64,
        *,
        init: str | tuple[Tensor, Tensor] = "lin",
        discretization: str = "zoh",
        dt_min: float = 1e-3,
        dt_max: float = 1e-1,
        bidirectional: bool = False,
        skip: bool = True,
        seed: int = 0,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ):
        super().__init__()
        _checks.integer("d_model", d_model)
        _checks.one_of("discretization", discretization, METHODS)
        if not (0 < dt_min <= dt_max < math.inf):
            raise ValueError(
                f"dt_min and dt_max must satisfy 0 < dt_min <= dt_max, got {dt_min}, "
                f"{dt_max}"
            )
        if dtype not in (torch.float32, torch.float64):
            raise TypeError(f"dtype must be float32 or float64, got {dtype}")
        _checks.integer("d_state", d_state, least=2)
        if d_state % 2:
            raise ValueError(f"d_state must be even, modes being pairs; got {d_state}")
        if isinstance(init, str):
            # Not the layer's own stream, which draws dt and C.
            other = torch.Generator().manual_seed(seed)
            apart = int(torch.randint(2**32, (), generator=other))
            options = {"seed": apart} if is_random(init) else {}
            A, B = initialize(init, d_state, **options)
        else:
            A, B = init
            if A.shape != (d_state // 2,) or B.shape != A.shape:
                raise ValueError(
                    f"init must be a pair of ({d_state // 2},) tensors for d_state "
                    f"{d_state}, got {tuple(A.shape)} and {tuple(B.shape)}"
                )
            _checks.stable("init", A.detach())
        self.d_model, self.d_state = d_model, d_state
        self.discretization, self.bidirectional = discretization, bidirectional

        generator = torch.Generator().manual_seed(seed)
        H, n = d_model, A.numel()

        def parameter(value: Tensor) -> nn.Parameter:
            return nn.Parameter(value.to(device=device, dtype=dtype).contiguous())

        def draw(sampler, *shape: int) -> Tensor:
            return sampler(*shape, generator=generator, dtype=torch.float64)

        low, high = math.log(dt_min), math.log(dt_max)
        self.log_dt = parameter(low + (high - low) * draw(torch.rand, H))
        A, B = A.to(torch.complex128), B.to(torch.complex128)
        self.A_re = parameter(A.real.expand(H, n))
        self.A_im = parameter(A.imag.expand(H, n))
        self.B_re = parameter(B.real.expand(H, n))
        self.B_im = parameter(B.imag.expand(H, n))
        C_shape = (2, H, n) if bidirectional else (H, n)
        C = draw(torch.randn, *C_shape, 2) * math.sqrt(0.5)
        self.C_re, self.C_im = parameter(C[..., 0]), parameter(C[..., 1])
        D = parameter(draw(torch.randn, H)) if skip else None
        self.register_parameter("D", D)

    def extra_repr(self) -> str:
        return (
            f"{self.d_model}, d_state={self.d_state}, "
            f"discretization={self.discretization!r}, "
            f"bidirectional={self.bidirectional}"
        )

    @property
    def A(self) -> Tensor:
        """Stored eigenvalues (H, N/2), complex128, real parts <= 0."""
        excess = self.A_re.detach().clamp(min=0)
        return _as_complex(self.A_re - excess, self.A_im)

    @torch.no_grad()
    def project_(self) -> None:
        """Put the real parts of A back to <= 0, in place."""
        self.A_re.clamp_(max=0)

    def _discretized(self) -> tuple[Tensor, Tensor, Tensor]:
        """(log A_bar, B_bar, C), complex128."""
        if self.log_dt.dtype not in (torch.float32, torch.float64):
            raise TypeError(
                "the parameters of an SSM must stay in float32 or float64 (use "
                f"autocast for half precision), got {self.log_dt.dtype}"
            )
        dt = torch.exp(self.log_dt.double()).unsqueeze(-1)  # (H, 1)
        B = _as_complex(self.B_re, self.B_im)
        log_A_bar, B_bar = METHODS[self.discretization](self.A, B, dt)
        return log_A_bar, B_bar, _as_complex(self.C_re, self.C_im)

    def _vandermonde(self, v: Tensor, x: Tensor, L: int) -> Tensor:
        return vandermonde_product(v, x.expand_as(v), L, self.log_dt.dtype)

    def kernel(self, L: int) -> Tensor:
        """K (H, L), without D; (2, H, L) if bidirectional: forward, backward."""
        _checks.integer("L", L)
        log_A_bar, B_bar, C = self._discretized()
        return self._vandermonde(C * B_bar, log_A_bar, L)

    def forward(
        self, u: Tensor, state: Tensor | None = None
    ) -> Tensor | tuple[Tensor, Tensor]:
        """u (B, H, L) -> y (B, H, L); with a state, (y, the state after u).

        Splitting a sequence in two and handing the state over gives the same y
        as one pass. Under autocast the map is computed in float32 and returned
        in u's dtype. A state goes with a causal layer only: ValueError otherwise.
        """
        if u.ndim != 3 or u.shape[1] != self.d_model or u.shape[2] == 0:
            raise ValueError(
                f"u must have shape (B, {self.d_model}, L), got {tuple(u.shape)}"
            )
        if not u.is_floating_point():
            raise TypeError(f"u must be real floating point, got {u.dtype}")
        L = u.shape[-1]
        log_A_bar, B_bar, C = self._discretized()
        with full_precision(u.device):
            x = u.to(self.log_dt.dtype)
            K = self._vandermonde(C * B_bar, log_A_bar, L)
            y = self._convolve(x, K, L)
            if self.D is not None:
                y = y + self.D[:, None] * x
            if state is None:
                return y.to(u.dtype)
            self._check_state(state, u.shape[0])
            A_bar = torch.exp(log_A_bar)
            y = y + self._vandermonde(C * A_bar * state, log_A_bar, L)
            after = torch.exp(log_A_bar * L) * state
            after = after + B_bar * final_states(x, log_A_bar)
        return y.to(u.dtype), after

    def _convolve(self, x: Tensor, K: Tensor, L: int) -> Tensor:
        if self.bidirectional:  # the backward kernel starts one step ahead
            K = nn.functional.pad(K[0], (0, L)) + nn.functional.pad(
                K[1].flip(-1), (L, 0)
            )
        product = torch.fft.rfft(x, n=2 * L) * torch.fft.rfft(K, n=2 * L)
        return torch.fft.irfft(product, n=2 * L)[..., :L]

    def _check_state(self, state: Tensor, batch: int) -> None:
        if self.bidirectional:
            raise ValueError("bidirectional layers have no state to hand over")
        shape = (batch, self.d_model, self.d_state // 2)
        if state.shape != shape:
            raise ValueError(f"state must have shape {shape}, got {tuple(state.shape)}")

    def initial_state(self, batch: int) -> Tensor:
        """Zeros (B, H, N/2), complex128 on the layer's device."""
        shape = (_checks.integer("batch", batch), self.d_model, self.d_state // 2)
        return torch.zeros(shape, dtype=torch.complex128, device=self.log_dt.device)

    def step(self, u_t: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """One step of the recurrence: u_t (B, H), state -> (y_t (B, H), state)."""
        if u_t.ndim != 2 or u_t.shape[1] != self.d_model:
            raise ValueError(
                f"u_t must have shape (B, {self.d_model}), got {tuple(u_t.shape)}"
            )
        self._check_state(state, u_t.shape[0])
        log_A_bar, B_bar, C = self._discretized()
        state = torch.exp(log_A_bar) * state + B_bar * u_t.unsqueeze(-1)
        y_t = 2 * (C * state).real.sum(-1)
        if self.D is not None:
            y_t = y_t + self.D * u_t
        return y_t.to(u_t.dtype), state


def concatenate(layers: Sequence[S4D]) -> S4D:
    """One layer that holds the features of all, in order; parameters are copied.

    Features do not mix, so it is the same map on features (B, H_1 + H_2 + ..., L).
    Raises ValueError for no layers or for layers that differ in more than features.
    """
    if not layers:
        raise ValueError("layers must hold at least one layer")
    options = {
        (x.d_state, x.discretization, x.bidirectional, x.D is None) for x in layers
    }
    if len(options) > 1:
        raise ValueError(f"layers must differ in d_model only, got {layers}")
    joined = copy.deepcopy(layers[0])
    for name, _ in layers[0].named_parameters():
        axis = 1 if joined.bidirectional and name.startswith("C_") else 0
        parts = [getattr(layer, name).detach() for layer in layers]
        setattr(joined, name, nn.Parameter(torch.cat(parts, axis)))
    joined.d_model = sum(layer.d_model for layer in layers)
    return joined


def _ssm_layers(model: nn.Module) -> Iterator[S4D]:
    return (m for m in model.modules() if hasattr(m, "ssm_parameters"))


def parameter_groups(
    model: nn.Module, lr: float, weight_decay: float = 0.0, ssm_lr: float = 1e-3
) -> list[dict]:
    """Optimizer groups: A, B and dt at min(lr, ssm_lr) without decay, the rest as is.

    Every parameter that requires a gradient is in exactly one group.
    Source: the S4D authors' published configurations.
    """
    ssm = {
        id(getattr(layer, name))
        for layer in _ssm_layers(model)
        for name in layer.ssm_parameters
    }
    trained = [p for p in model.parameters() if p.requires_grad]
    return [
        {
            "params": [p for p in trained if id(p) not in ssm],
            "lr": lr,
            "weight_decay": weight_decay,
        },
        {
            "params": [p for p in trained if id(p) in ssm],
            "lr": min(lr, ssm_lr),
            "weight_decay": 0.0,
        },
    ]


def optimizer(
    model: nn.Module, lr: float, weight_decay: float = 0.0, ssm_lr: float = 1e-3
) -> torch.optim.AdamW:
    """AdamW on `parameter_groups`, projecting real parts to <= 0 after each step."""
    adamw = torch.optim.AdamW(parameter_groups(model, lr, weight_decay, ssm_lr))
    layers = list(_ssm_layers(model))

    def project(*_) -> None:
        for layer in layers:
            layer.project_()

    adamw.register_step_post_hook(project)
    return adamw
