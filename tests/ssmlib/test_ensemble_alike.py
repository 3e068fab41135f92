"""An ensemble's models: which may be put together, and what stays as it is."""

from functools import partial

import pytest
import torch
from torch import nn

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


ONE = Model(1, 2, n_layers=2, **MADE)


@pytest.mark.parametrize(
    ("models", "message"),
    [
        (ONE, "models must be a sequence of models, got Model"),
        ((ONE for _ in range(2)), "models must be a sequence .* got generator"),
        ({0: ONE}, "models must be a sequence of models, got dict"),
        (None, "models must be a sequence of models, got NoneType"),
        ("ab", "models must be a sequence of models, got str"),
        ([nn.Linear(1, 1)], "models must hold objects of Model, got Linear at 0"),
        ([ONE, None], "models must hold objects of Model, got NoneType at 1"),
    ],
)
def test_an_ensemble_s_models_are_models(models, message):
    with pytest.raises(TypeError, match=message):
        Ensemble(models)


X = torch.ones(1, 3, 1, 8)
MASKS = [torch.ones(2, *shape) for shape in ONE.mask_shapes(3, 8)]
BAD_MASKS = {
    "none": [],
    "one": MASKS[:1],
    "too many": 2 * MASKS,
    "another order": MASKS[::-1],
    "another size": [mask[:, :1] for mask in MASKS],
}


@pytest.mark.parametrize("masks", BAD_MASKS.values(), ids=BAD_MASKS)
def test_masks_are_those_of_the_blocks(masks):
    for model, x, given in (
        (Ensemble([ONE, ONE]), X, masks),
        (ONE, X[0], [mask[0] for mask in masks]),
    ):
        with pytest.raises(ValueError, match=r"masks must have the shapes \[\(3, 4, 8"):
            model(x, given)


@pytest.mark.parametrize(
    ("masks", "error", "message"),
    [
        (3, TypeError, "masks must be a sequence of tensors, got int"),
        ([1, 2], TypeError, "masks must be a tensor, got int"),
        ([torch.tensor(1.0)] * 2, ValueError, r"masks must have 2 in front.* got \(\)"),
        ([m[:1] for m in MASKS], ValueError, "masks must have 2 in front"),
    ],
)
def test_masks_of_an_ensemble_have_one_for_each_model(masks, error, message):
    with pytest.raises(error, match=message):
        Ensemble([ONE, ONE])(X, masks)


def test_an_ensemble_s_input_is_a_tensor_of_a_batch():
    with pytest.raises(TypeError, match="x must be a tensor, got int"):
        Ensemble([ONE])(3)
    with pytest.raises(ValueError, match=r"x must have shape .* got \(0, 3, 1, 8\)"):
        Ensemble([ONE])(X[:0])
