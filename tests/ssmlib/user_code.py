"""What a user writes: pyright must accept it, and know the types of the results."""

from __future__ import annotations

from typing import assert_type

import torch
from torch import Tensor, nn

import ssmlib
from ssmlib import DSS, S4, S4D, Initialization, Model, fit, recommend
from ssmlib.layers import DiagonalSSM, KernelSSM, S4DReal, optimizer
from ssmlib.models import Ensemble
from ssmlib.recommend import Recommendation
from ssmlib.tasks import images, series
from ssmlib.training import compare


def layers() -> None:
    layer = S4D(4, 8, init="lin", dt=(1e-3, 1e-1), real_transform="exp", frozen=("B",))
    u = torch.randn(2, 4, 32)
    assert_type(layer(u), Tensor)
    y, state = layer(u, layer.initial_state(2))
    assert_type(y, Tensor)
    y_t, state = layer.step(u[..., 0], state)
    assert_type(state, Tensor)
    others = [S4(4, 8, init="fout"), DSS(4, 8, variant="exp"), S4DReal(4, 8, dt=0.1)]
    stack = nn.Sequential(layer, *others)
    optimizer(stack, lr=1e-2).step()
    assert_type(optimizer(stack, 1e-2, betas=(0.9, 0.95)), torch.optim.AdamW)
    assert_type(optimizer(stack, 1e-2, kind=torch.optim.SGD), torch.optim.SGD)
    print(layer.kernel(9).shape, y_t.shape, layer.A.real)


class Own(DiagonalSSM):
    """A layer of the user's own."""

    ssm_parameters = {"A": ("rate",)}  # noqa: RUF012

    def initial_values(self, generator: torch.Generator) -> dict[str, Tensor]:
        return {"rate": torch.rand(self.d_model, 4, generator=generator).double()}

    def modes(self) -> tuple[Tensor, Tensor, Tensor]:
        rate = torch.complex(-self.rate, self.rate)
        return rate, rate, rate


class Decay(KernelSSM):
    def initial_values(self, generator: torch.Generator) -> dict[str, Tensor]:
        return {"rate": torch.rand(self.d_model, generator=generator).double()}

    def kernel(self, L: int) -> Tensor:
        return torch.ones(self.d_model, L)


def training() -> None:
    grid = {"dt": [0.01, 0.1], "init": ["lin", Initialization("inv", real=0.0)]}
    found = fit(images.digits(), grid, layer=S4, n_layers=2, norm="layer", mix="glu")
    assert_type(found.model, Ensemble)
    model = Model(1, 10, layer="gru", pooling="mean", norm=True, bias=True)
    arms = {"lin": {"init": "lin"}, "inv": {"init": "inv"}}
    best = compare(
        images.digits(), arms, rates=[0.01, 0.02], seeds=[0, 1], epochs=1, d_model=8
    )
    print(found.table.test_loss, best.chosen, model(torch.randn(2, 1, 64)))


def advice() -> None:
    values = series.load("elnino").values
    assert_type(recommend(values, 64), Recommendation)
    assert_type(ssmlib.recommend.recommend(values, 64), Recommendation)
    ssmlib.recommend.figure(recommend(values, L=64, raw=True))
