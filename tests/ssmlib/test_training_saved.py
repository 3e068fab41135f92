"""The best model of a fit, and fits in files."""

import functools
import math

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from ssmlib.initialization import initialize
from ssmlib.layers import DSS, S4, S4D, S4DReal
from ssmlib.models import OTHER_LAYERS
from ssmlib.training import Fit, fit, load, saved
from ssmlib.training.files import write
from tests.ssmlib.test_training_batches import tokens
from tests.ssmlib.test_training_checkpoint import DAMAGED
from tests.ssmlib.test_training_options import OPTIONS, recall, task

DIVERGED = {"lr": 1e30, "ssm_lr": 1e30}


def run(grid=None, data=None, **options):
    return fit(data or task(), grid or [{"dt": 0.1}, {}], **OPTIONS | options)


def test_the_best_model_is_that_of_the_lowest_validation_loss():
    grid = [{"lr": 1e-5}, DIVERGED, {"lr": 3e-2}, {"lr": 1e-3}]
    found, data = run(grid, seeds=[0, 1]), task()
    assert set(found.table.status[[1, 5]]) == {"diverged"}
    model = found.best()
    with torch.no_grad():
        loss = nn.functional.cross_entropy(model(data.x_valid[:, None]), data.y_valid)
    assert float(loss) == pytest.approx(found.table.valid_loss.min(), rel=1e-5)
    row = int(found.table.valid_loss.idxmin())
    assert all(
        map(torch.equal, model.parameters(), found.model.member(row).parameters())
    )


def test_a_diverged_or_infinite_loss_is_not_the_best():
    found = run({"lr": [0.003, 0.01, 0.03]})
    found.table["valid_loss"] = [0.1, math.nan, 0.3]
    found.table["status"] = ["diverged", "finished", "finished"]
    for name, value in found.model.member(2).state_dict().items():
        assert torch.equal(found.best().state_dict()[name], value)
    found.table["valid_loss"] = math.inf
    with pytest.raises(ValueError, match="no model finished with a finite validation"):
        found.best()


class Own(S4D):
    """A layer of the user's own."""

    factor = 2.0

    def kernel(self, L):
        return self.factor * super().kernel(L)


class Changed(Own):
    factor = 2.1


class Passing(Own):
    """A layer with a buffer that no state dict stores and training changes."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.register_buffer("scale", torch.ones(()), persistent=False)

    def forward(self, u, *given):
        if self.training:
            self.scale = self.scale * 1.01
        return self.scale * super().forward(u, *given)


def own(*args, **options):
    return Own(*args, **options)


PAIR = initialize("lin", 8)
CASES = {
    "S4D": {},
    "S4": {"layer": S4, "grid": [{"init": "legs"}, {"init": "fout", "dt": 0.1}]},
    "DSS": {"layer": functools.partial(DSS, variant="softmax", length=16)},
    "S4DReal": {"layer": S4DReal, "grid": [{"init": "real"}]},
    "options": {
        "layer": functools.partial(
            functools.partial(S4D, real_transform="exp"), discretization="bilinear"
        )
    },
    "grid": {
        "grid": [
            {"init": PAIR, "dt": (0.01, 0.1)},
            {"later_dt": 0.2, "C_lr": 0.1, "dropout": 0.1, "weight_decay": 0.1},
            {"frozen": ("A", "B")},
            {"init": "random_imag", "real": -0.1, "imag_scale": 2.0},
            {"init": "legs", "B": "hippo", "dt": np.float64(0.1)},
            DIVERGED,
        ],
        "seeds": [0, 2**64 - 1],
        "n_layers": 2,
    },
    "shape": {"norm": "batch", "n_layers": 2, "mix": "glu", "bias": True},
    "per step": {"data": recall(), "pooling": "none", "tied_dropout": True},
    "tokens": {"data": tokens(), "pooling": "none"},
    "linear": {"linear": True},
    "NumPy's numbers": {
        "grid": [{"dt": np.float32(0.1), "real": np.array(-0.1), "frozen": ["A"]}],
        "d_model": np.int64(4),
        "pooling": np.str_("mean"),
        "bias": np.bool_(True),
    },
    "tensors": {"grid": [{"real": torch.tensor(-0.1), "imag_scale": torch.tensor(2)}]},
    **{name: {"layer": name, "grid": [{}, {"lr": 0.1}]} for name in OTHER_LAYERS},
    "own class": {"layer": Own},
    "own function": {"layer": own, "seeds": [3, 4]},
    "own buffer": {"layer": Passing, "pooling": "mean"},
    "own tokens": {"layer": own, "data": tokens(), "pooling": "none"},
}
OWN = {"own class": Own, "own function": own, "own buffer": Passing, "own tokens": own}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_fit_is_read_back_with_the_same_bits(tmp_path, name):
    options = dict(CASES[name])
    data = options.pop("data", task())
    first = fit(data, options.pop("grid", [{"dt": 0.1}, {}]), **OPTIONS | options)
    first.save(tmp_path / "a.fit")
    second = load(str(tmp_path / "a.fit"), layer=OWN.get(name))
    pd.testing.assert_frame_equal(first.table, second.table)
    pd.testing.assert_frame_equal(first.curves, second.curves)
    assert first.seconds == second.seconds
    x = data.x_test[None] if data.x_test.ndim == 3 else data.x_test[None, :, None]
    x = data.x_test[None] if data.x_test.dtype == torch.int64 else x
    with torch.no_grad():
        assert torch.equal(first.model(x).nan_to_num(), second.model(x).nan_to_num())
        for k in range(first.model.size):
            one, other = first.model.member(k), second.model.member(k)
            out = one(x[0])
            assert torch.equal(out.nan_to_num(), other(x[0]).nan_to_num())
            assert [n for n, _ in one.named_parameters()] == [
                n for n, _ in other.named_parameters()
            ]
            for model in (one, other):
                model.reset_parameters()
            assert torch.equal(one(x[0]), other(x[0]))
    second.save(tmp_path / "b.fit")  # a loaded fit is a fit
    third = load(tmp_path / "b.fit", layer=OWN.get(name))
    assert third.table.equals(second.table)
    assert {p.name for p in tmp_path.iterdir()} == {"a.fit", "b.fit"}


def test_global_state_changes_no_bit(tmp_path):
    found = run()
    with torch.device("meta"), torch.inference_mode():
        torch.set_default_dtype(torch.float64)
        try:
            found.save(tmp_path / "a.fit")
            again = load(tmp_path / "a.fit")
        finally:
            torch.set_default_dtype(torch.float32)
    for a, b in zip(found.model.parameters(), again.model.parameters(), strict=True):
        assert torch.equal(a, b)
        assert b.requires_grad
        assert not b.is_inference()


def test_a_model_that_was_converted_is_read_in_its_dtype(tmp_path):
    found = run(layer=own)
    found.model.double()
    found.save(tmp_path / "a.fit")
    again = load(tmp_path / "a.fit", layer=own)
    x = task().x_test[None, :, None].double()
    assert torch.equal(found.model(x), again.model(x))


@pytest.mark.parametrize("layer", [Changed, S4D, "gru"])
def test_another_layer_is_refused(tmp_path, layer):
    run(layer=Own).save(tmp_path / "a.fit")
    with pytest.raises(ValueError, match="layer must be the layer of the fit"):
        load(tmp_path / "a.fit", layer=layer)


def test_a_missing_layer_is_named(tmp_path):
    run(layer=own).save(tmp_path / "a.fit")
    with pytest.raises(ValueError, match="layer must be the layer of the file, own"):
        load(tmp_path / "a.fit")


def test_a_layer_of_this_package_is_left_out_or_the_same(tmp_path):
    run(layer=functools.partial(S4D, discretization="bilinear")).save(tmp_path / "a")
    load(tmp_path / "a", layer=functools.partial(S4D, discretization="bilinear"))
    for other in (S4D, own, "gru"):
        with pytest.raises(ValueError, match="layer must be left out"):
            load(tmp_path / "a", layer=other)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("fit") / "a.fit"
    run().save(path)
    return path.read_bytes()


@pytest.mark.parametrize("change", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_is_refused(tmp_path, written, change):
    path = tmp_path / "a.fit"
    path.write_bytes(change(written))
    with pytest.raises(ValueError, match=r"a\.fit (is damaged|is not a file of Fit)"):
        load(path)


def test_a_checkpoint_and_another_file_are_refused(tmp_path):
    run(checkpoint=tmp_path / "fit.pt")
    with pytest.raises(ValueError, match=r"fit\.pt is not a file .*: it is a checkpoi"):
        load(tmp_path / "fit.pt")
    torch.save({"table": {}}, tmp_path / "torch.pt")
    with pytest.raises(ValueError, match=r"torch\.pt is not a file of Fit\.save"):
        load(tmp_path / "torch.pt")
    run().save(tmp_path / "a.fit")
    with pytest.raises(ValueError, match="was not written by this version"):
        run(checkpoint=tmp_path / "a.fit")


def test_a_file_of_a_newer_version_is_refused(tmp_path, written):
    newer = written.replace(b"format 1\n", b"format 12\n", 1)
    (tmp_path / "a.fit").write_bytes(newer)
    with pytest.raises(
        ValueError, match=r"newer version .* 12, .* to 1: update ssmlib"
    ):
        load(tmp_path / "a.fit")


class Executed:
    """An object whose unpickling calls a function."""

    def __reduce__(self):
        return (print, ("executed",))


def test_nothing_of_a_file_is_executed(tmp_path, capsys):
    write(tmp_path / "a.fit", saved.FORMAT % saved.VERSION, {"made": Executed()})
    with pytest.raises(ValueError, match="holds something else than tensors and plain"):
        load(tmp_path / "a.fit")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "path must be a file, got the folder"),
        ("none/a.fit", "path must be in a folder that exists"),
    ],
)
def test_a_place_for_no_file_is_refused(tmp_path, name, message):
    with pytest.raises(ValueError, match=message):
        run().save(tmp_path / name)
    with pytest.raises(ValueError, match=r"cannot be read"):
        load(tmp_path / name)


def test_a_path_is_a_path():
    with pytest.raises(TypeError, match="path must be a path, got 3"):
        run().save(3)
    with pytest.raises(TypeError, match="path must be a path, got None"):
        load(None)


def test_a_full_disk_leaves_the_file(tmp_path, monkeypatch):
    path = tmp_path / "a.fit"
    run().save(path)
    before = path.read_bytes()

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ssmlib.training.files.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        run([{}, {}, {}]).save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_state_that_cannot_be_stored_is_refused(tmp_path):
    class Extra(S4D):
        def get_extra_state(self):
            return {"set": {1, 2}}

        def set_extra_state(self, state):
            pass

    with pytest.raises(ValueError, match=r"_extra_state save got a value of .* set"):
        run(layer=Extra).save(tmp_path / "a.fit")


def test_a_fit_that_cannot_be_stored_is_refused(tmp_path):
    found = run()
    found.table["note"] = [object(), object()]
    with pytest.raises(ValueError, match=r"table must hold .* column 'note': .*object"):
        found.save(tmp_path / "a.fit")
    bare = Fit(found.table, found.curves, found.model, 1.0)
    with pytest.raises(ValueError, match="save needs a fit that fit or load returned"):
        bare.save(tmp_path / "a.fit")
    assert not list(tmp_path.iterdir())
