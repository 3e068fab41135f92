"""The parameters of an ensemble in one vector, for one step of an optimizer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Rates(NamedTuple):
    """A parameter of an ensemble, with a rate and a decay per model.

    Attributes:
        parameter: (E, ...).
        rates: the learning rate of each model.
        decays: the decay of each model.
    """

    parameter: nn.Parameter
    rates: Sequence[float]
    decays: Sequence[float]


class Flat:
    """Parameters of one dtype as views of one vector, and their gradients likewise.

    The optimizer's parameter is not this vector but `moved`, which is 0 before each
    step and the optimizer's step at rate 1 after it. The difference of the parameters
    before and after a step would round it.

    Args:
        trained: the parameters, each once.

    Attributes:
        moved: (n,), the optimizer's parameter.
    """

    def __init__(self, trained: Sequence[Rates]):
        self.parameters = [one.parameter for one in trained]
        self.values = torch.cat([p.detach().flatten() for p in self.parameters])
        self.moved = torch.zeros_like(self.values)
        self.moved.grad = torch.zeros_like(self.values)
        self.rates = _spread(trained, [one.rates for one in trained])
        decays = [one.decays for one in trained]
        self.decays = _spread(trained, decays) if any(map(any, decays)) else None
        models = [range(len(p)) for p in self.parameters]
        self.model = _spread(trained, models, torch.int64)  # of each element
        sizes = [p.numel() for p in self.parameters]
        for p, value, gradient in zip(
            self.parameters,
            self.values.split(sizes),
            self.moved.grad.split(sizes),
            strict=True,
        ):
            p.data, p.grad = value.view_as(p), gradient.view_as(p)

        self.trained = [torch.tensor(one.rates) > 0 for one in trained]

    def begin(self) -> None:
        """Set the gradients to 0, for the next backward pass to add to."""
        assert self.moved.grad is not None  # set in `__init__`
        self.moved.grad.zero_()

    @torch.no_grad()
    def squares(self) -> Tensor:
        """Return the squared norm of each model's gradient, (E,) float64.

        Parameters whose rate is 0 in a model do not count there.
        """
        total = torch.zeros(len(self.parameters[0]), dtype=torch.float64)
        total = total.to(self.values.device)
        for p, trained in zip(self.parameters, self.trained, strict=True):
            assert p.grad is not None  # set in `__init__`
            squares = p.grad.abs().double().square().reshape(len(p), -1).sum(1)
            total += torch.where(trained.to(squares.device), squares, 0.0)
        return total

    @torch.no_grad()
    def scale(self, factors: Tensor) -> None:
        """Multiply the gradient of each model by its factor, (E,)."""
        assert self.moved.grad is not None  # set in `__init__`
        self.moved.grad *= factors.to(self.rates.dtype)[self.model]

    @torch.no_grad()
    def take(self, alive: Tensor, scale: float) -> None:
        """Move the parameters after the optimizer has moved `moved`.

        Args:
            alive: (E,) bool; the other models do not change.
            scale: the factor of all rates in this step, for the decay.
        """
        old = self.values
        if self.decays is not None:
            self.moved.addcmul_(self.decays, old, value=-scale)
        each = torch.where(alive[self.model], self.rates, 0.0)
        new = torch.addcmul(old, each, self.moved)
        old.copy_(torch.where(each > 0, new, old))
        self.moved.zero_()

    def end(self) -> None:
        """Give each parameter memory of its own again, without a gradient."""
        for p in self.parameters:
            p.data, p.grad = p.detach().clone(), None


def flats(trained: Iterable[Rates]) -> list[Flat]:
    """Return one `Flat` per dtype.

    Args:
        trained: the parameters, each once.
    """
    found = defaultdict(list)
    for one in trained:
        found[one.parameter.dtype].append(one)
    return [Flat(same) for same in found.values()]


def _spread(
    trained: Sequence[Rates],
    values: Sequence[Sequence[float]],
    dtype: torch.dtype | None = None,
) -> Tensor:
    """Return the value of its model and parameter for each element."""
    return torch.cat(
        [
            torch.tensor(
                value, dtype=dtype or p.dtype, device=p.device
            ).repeat_interleave(p.numel() // len(p))
            for (p, *_), value in zip(trained, values, strict=True)
        ]
    )
