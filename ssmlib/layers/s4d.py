"""S4D: a diagonal state for every feature, all of it trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from torch import Tensor

from ssmlib.discretization import real_phi
from ssmlib.kernels.tables import Pair
from ssmlib.layers.diagonal import DiagonalSSM
from ssmlib.layers.irregular import Continuous
from ssmlib.layers.modal import ModalSSM

#: the parts of a class that define what the modes are as functions of the parameters
_DEFINING = ("modes", "discretize", "A", "B", "C", "dt")


def _times(x: Pair, y: Pair) -> Pair:
    """Return the parts of a product of complex numbers."""
    return x[0] * y[0] - x[1] * y[1], x[0] * y[1] + x[1] * y[0]


class S4D(ModalSSM, DiagonalSSM):
    """A layer (B, H, L) -> (B, H, L) with a diagonal state, N/2 modes per feature.

    The parameters are real tensors: log_dt (H,); A_re, A_im, B_re and B_im (n_ssm,
    N/2); C_re and C_im (H, N/2), or (2, H, N/2) if bidirectional; D (H,). All copies of
    A and B start equal. C is drawn from CN(0, 1), and log dt uniformly in its range.

    With real_transform="free" the real part of A is A_re itself, at most 0. The map
    uses min(A_re, 0) and passes the gradient through. The parameter is set back to <= 0
    after every step of a `torch.optim` optimizer, so that it can reach 0 and leave it.
    After a step of any other optimizer, call `project_`. The other transforms are
    "exp", -exp(A_re); "softplus", -log(1 + exp(A_re)); "relu", -max(A_re, 0); and
    "stable", -1 / (A_re^2 + 1/2), of StableSSM.

    B is trained; frozen=("B",) leaves it at its initial value. Weights of another
    implementation are copied part by part: the `log_A_real` of the authors' code is
    A_re with real_transform="exp", its `A_imag` is A_im, and its B and C are the pairs
    here, up to leading dimensions.

    Args:
        d_model: number of features H, at least 1.
        d_state: real state size N, even.
        init: the initialization: a name of `initialization.names()`, a pair (A, B) of
            complex (N/2,) tensors, or an `Initialization`.
        dt: time per step, a number or a range (low, high); None for the default of
            `Initialization`. It must be None if init is an `Initialization`, which
            contains dt.
        discretization: "zoh" or "bilinear".
        bidirectional: whether a second kernel runs backward in time.
        n_ssm: number of copies of A and B, a divisor of H; None for H. Feature h uses
            copy h mod n_ssm.
        real_transform: the real part of A as a function of A_re: "free", "exp",
            "softplus", "relu" or "stable".
        frozen: those of "A", "B" and "dt" that are not trained; they are buffers.
        skip: whether there is a skip term D, drawn from N(0, 1).
        seed: of the random numbers of all parameters, a non-negative integer; None
            draws one from torch's generator, which `torch.manual_seed` sets.
        dtype: of the parameters, float32 or float64.
        device: where the parameters are, as in torch.nn; on "meta" nothing is
            allocated.

    Raises:
        TypeError: for an argument of another type.
        ValueError: for an argument outside these values, a real part of 0 with "exp",
            "softplus" or "stable", or one below -2 with "stable".

    Source: S4D (arXiv 2206.11893); chapter `state-space-models`.
    """

    ssm_parameters: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "A": ("A_re", "A_im"),
        "B": ("B_re", "B_im"),
        "dt": ("log_dt",),
    }
    readout_parameters = ("C_re", "C_im")

    #: whether the modes are those of the parameters, as `S4D` itself defines them
    _modes_of_parameters: ClassVar[bool] = True

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._modes_of_parameters = all(
            getattr(cls, name) is getattr(S4D, name) for name in _DEFINING
        )

    def _real_parts(self) -> tuple[Pair, Pair] | None:
        if not self._modes_of_parameters or self.discretization != "zoh":
            return None
        A_re = self._transform.value(self.A_re)
        a, b, p, q = (
            self._of_features(part).double()
            for part in (A_re, self.A_im, self.B_re, self.B_im)
        )
        dt, C = self.dt, (self.C_re.double(), self.C_im.double())
        a, b, p, q = (part * dt for part in (a, b, p, q))
        B_bar = _times((p, q), real_phi(a, b))
        return _times(C, B_bar), (a, b)

    def _continuous(self) -> Continuous | None:
        own = type(self)
        plain = own.discretize is DiagonalSSM.discretize
        if not plain or self._defining_modes() is not S4D.modes:
            return None
        return Continuous(self.A, self.B, self.C, self.dt, self.discretization)

    def _defining_modes(self) -> Callable:
        """Return the function that defines the modes."""
        return type(self).modes

    def modes(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return the discretized modes: (log A_bar, B_bar, C), complex128."""
        return *self.discretize(self.A, self.B, self.dt), self.C
