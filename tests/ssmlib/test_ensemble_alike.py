"""An ensemble's models: which may be put together, and what stays as it is."""

from functools import partial

import pytest
import torch

from ssmlib.layers import S4D
from ssmlib.models import Ensemble, Model


class Shifted(S4D):
    """A layer whose map depends on a plain attribute."""

    def __init__(self, *args, shift=0.0, **options):
        super().__init__(*args, **options)
        self.shift = torch.tensor([shift] * 2000)  # a repr shows its ends alone

    def kernel(self, L):
        return super().kernel(L) + self.shift[1000]


def edited(value):
    shifted = Shifted(4, 8)
    shifted.shift[1000] = value
    return lambda *args, **options: shifted


def altered(change):
    model = Model(1, 2, d_model=4, d_state=8, norm=True)
    change(model)
    return model


MADE = {"d_model": 4, "d_state": 8}
ALIKE = {
    "skip": [Model(1, 2, layer=partial(S4D, skip=s), **MADE) for s in (True, False)],
    "discretization": [
        Model(1, 2, layer=partial(S4D, discretization=d), **MADE)
        for d in ("zoh", "bilinear")
    ],
    "real_transform": [
        Model(1, 2, layer=partial(S4D, real_transform=r), **MADE)
        for r in ("exp", "relu")
    ],
    "ssms.0.shift": [Model(1, 2, layer=edited(v), **MADE) for v in (0.0, 1.0)],
    "encoder": [Model(1, 2, **MADE), Model(1, 2, **MADE).double()],
    "training": [altered(lambda m: None), altered(lambda m: m.eval())],
    "without gradient": [
        altered(lambda m: None),
        altered(lambda m: m.decoder.requires_grad_(False)),
    ],
    "hooks": [
        altered(lambda m: None),
        altered(lambda m: m.ssms[0].register_forward_hook(lambda *a: a[2] * 2)),
    ],
    "ssms.0": [Model(1, 2, layer=c, **MADE) for c in (S4D, Shifted)],
}


@pytest.mark.parametrize("named", ALIKE)
def test_an_ensemble_s_models_are_compared_part_by_part(named):
    with pytest.raises(ValueError, match=f"models 0 and 1 differ in .*{named}"):
        Ensemble(ALIKE[named])


def test_an_ensemble_leaves_fixed_parameters_fixed():
    models = [
        altered(lambda m: m.decoder.requires_grad_(False)),
        altered(lambda m: m.decoder.requires_grad_(False)),
    ]
    model = Ensemble(models)
    assert not model.stacked.decoder.requires_grad
    assert not model.member(1).decoder.requires_grad
    assert model.stacked.encoder.requires_grad
