"""The configuration of a model, its file, and its predictions."""

import json
import pickle
import re
from functools import partial

import pytest
import torch

from ssmlib.initialization import Initialization
from ssmlib.layers import DSS, S4, S4D, S4DReal
from ssmlib.models import Ensemble, Model, load
from ssmlib.tasks import images
from ssmlib.training import fit
from tests.conftest import ROOT

PAIR = (torch.tensor([-0.5 + 1j, -0.5 + 2j]).cdouble(), torch.ones(2).cdouble())
MODELS = {
    "plain": {},
    "options": {
        "layer_options": {"bidirectional": True, "n_ssm": 2},
        "frozen": ("A", "B"),
        "init": Initialization("inv", real=-0.1, dt=0.1),
        "later_dt": (0.1, 0.2),
        "n_layers": 3,
        "norm": "batch",
        "prenorm": True,
        "mix": "glu",
        "bias": True,
        "dropout": 0.1,
        "seed": 2**64 - 1,
    },
    "pair": {"init": PAIR, "d_state": 4},
    "discrete": {"init": Initialization("dfout")},
    "tokens": {"tokens": True, "linear": True},
    "S4": {"layer": S4, "init": "legs"},
    "DSS": {"layer": partial(DSS, length=9), "init": "legs"},
    "S4DReal": {"layer": S4DReal, "init": "real", "dtype": torch.float64},
    "lstm": {"layer": "lstm"},
    "transformer": {"layer": "transformer"},
}
each_model = pytest.mark.parametrize("options", MODELS.values(), ids=MODELS)


def made(options):
    model = Model(4, 3, d_model=4, **{"d_state": 8} | options)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.01 * torch.rand(p.shape))
    return model.eval()


def input_of(model):
    if model.tokens:
        return torch.randint(0, 4, (5, 9))
    return torch.randn(5, 4, 9).to(model.encoder.dtype)


@each_model
def test_a_loaded_model_is_the_saved_one(options, tmp_path):
    model, path = made(options), tmp_path / "model.safetensors"
    model.save(path)
    found = load(path)
    x = input_of(model)
    assert torch.equal(found(x), model(x))
    assert found.config() == model.config()
    assert repr(found) == repr(model)
    assert not found.training
    names = [{n for n, _ in m.named_parameters()} for m in (model, found)]
    assert names[0] == names[1]  # frozen parts are buffers in both


@each_model
def test_a_configuration_is_json_and_makes_the_initial_model(options):
    model = Model(4, 3, d_model=4, **{"d_state": 8} | options)
    config = json.loads(json.dumps(model.config()))
    assert config == model.config()
    again = Model.from_config(config).state_dict()
    assert all(torch.equal(v, again[k]) for k, v in model.state_dict().items())


def test_a_configuration_is_that_of_the_model_as_it_is():
    model = Model(4, 3)
    model.pooling = "none"
    assert Model.from_config(model.double().config()).pooling == "none"
    assert model.config()["dtype"] == "float64"


def test_the_best_model_of_a_fit_is_saved(tmp_path):
    data = images.digits()
    grid = [{"dt": 0.01, "frozen": ("A",)}, {"init": "inv", "later_dt": 0.2}]
    found = fit(data, grid, seeds=[0, 1], epochs=1, n_layers=2, d_model=4)
    best = found.best()
    best.save(tmp_path / "model.safetensors")
    again = load(tmp_path / "model.safetensors")
    assert torch.equal(again.predict(data.x_test), best.predict(data.x_test))
    configs = [found.model.member(k).config() for k in range(4)]
    assert [c["frozen"] for c in configs] == [["A"], []] * 2
    assert [c["seed"] for c in configs] == [0, 0, 1, 1]
    assert [c["init"]["scheme"] for c in configs] == ["lin", "inv"] * 2


def test_members_of_an_ensemble_keep_their_configurations():
    models = [Model(4, 3, init=name) for name in ("lin", "inv")]
    both = Ensemble(models)
    assert [both.member(k).config() for k in (0, 1)] == [m.config() for m in models]


class Own(S4D):
    pass


def own(*arguments, **options):
    return Own(*arguments, **options)


def test_a_layer_of_the_users_own_is_named(tmp_path):
    model, path = made({"layer": own}), tmp_path / "model"
    model.save(path)
    with pytest.raises(ValueError, match="layer must be the layer of the file, own"):
        load(path)
    x = input_of(model)
    assert torch.equal(load(path, layer=own)(x), model(x))
    with pytest.raises(ValueError, match="layer must be the layer of the model"):
        load(path, layer="lstm")
    made({}).save(path)
    with pytest.raises(ValueError, match="layer must be left out"):
        load(path, layer=own)


def test_others_read_the_file(tmp_path):
    """By the description of the format alone."""
    model, path = made({}), tmp_path / "model.safetensors"
    model.save(path)
    raw = path.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + length])
    entry, data = header["encoder"], raw[8 + length :]
    begin, end = entry["data_offsets"]
    values = torch.frombuffer(bytearray(data[begin:end]), dtype=torch.float32)
    assert torch.equal(values.view(entry["shape"]), model.encoder)
    assert set(header) == {"__metadata__", *model.state_dict()}
    assert header["__metadata__"]["format"] == "pt"


class Code:
    def __reduce__(self):
        return exec, ("raise SystemExit('executed')",)


def rewritten(path, change):
    """Change the metadata of a file."""
    raw = path.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + length])
    content = json.loads(header["__metadata__"]["ssmlib.models"])
    change(header, content)
    if "ssmlib.models" in header["__metadata__"]:
        header["__metadata__"]["ssmlib.models"] = json.dumps(content)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + raw[8 + length :])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda p: p.write_bytes(b""), "is not a file of Model.save"),
        (lambda p: p.write_bytes(pickle.dumps(Code())), "is not a file of Model.save"),
        (lambda p: torch.save({"x": Code()}, p), "is not a file of Model.save"),
        (lambda p: p.write_bytes(p.read_bytes()[:99]), "is not a file of Model.save"),
        (lambda p: p.write_bytes(p.read_bytes()[:-1]), "does not match its checksum"),
        (
            lambda p: p.write_bytes(p.read_bytes()[:-1] + b"x"),
            "does not match its checksum",
        ),
        (lambda p: p.unlink(), "cannot be read"),
        (
            lambda p: rewritten(p, lambda h, c: c.update(version=2)),
            "was written by a newer version of ssmlib, in format 2",
        ),
        (
            lambda p: rewritten(p, lambda h, c: c.update(version="a")),
            "has no version",
        ),
        (
            lambda p: rewritten(p, lambda h, c: h["encoder"].update(shape=[9, 9])),
            "is damaged: its header says",
        ),
        (
            lambda p: rewritten(p, lambda h, c: c["config"].pop("mix")),
            "config must be that of",
        ),
        (
            lambda p: rewritten(p, lambda h, c: c["config"].update(d_model=8)),
            "does not fit its file",
        ),
        (
            lambda p: rewritten(p, lambda h, c: h["__metadata__"].pop("ssmlib.models")),
            "it has no configuration",
        ),
    ],
)
def test_a_bad_file_is_refused(spoil, message, tmp_path):
    path = tmp_path / "model.safetensors"
    made({}).save(path)
    spoil(path)
    with pytest.raises(ValueError, match=message):
        load(path)


def test_bad_places_and_configurations(tmp_path):
    model = made({})
    for call in (model.save, load):
        with pytest.raises(TypeError, match="path must be a path"):
            call(3)
    with pytest.raises(ValueError, match="path must be a file in a folder that can"):
        model.save(tmp_path / "missing" / "model")
    with pytest.raises(TypeError, match="config must be a mapping"):
        Model.from_config([])
    config = model.config()
    for change, message in (
        ({"new": 1}, "config must be that of"),
        ({"dtype": "float16"}, "dtype of config must be one of"),
        ({"init": 3}, "config must have a mapping as init"),
        ({"init": {"name": "lin"}}, "config must have an init that fits"),
        ({"mix": "no"}, "mix must be one of"),
    ):
        with pytest.raises(ValueError, match=message):
            Model.from_config(config | change)


@pytest.mark.parametrize("pooling", ["last", "none"])
def test_predictions_are_the_outputs(pooling):
    model = Model(1, 3, d_model=4, dropout=0.5, pooling=pooling)
    x, lengths = torch.randn(7, 20), torch.arange(7) + 5
    found = model.predict(x.double(), lengths, batch_size=3)
    assert model.training
    assert not found.requires_grad
    exact = model.eval()(x.unsqueeze(1), lengths=lengths)
    # Other batches: other orders of float32 sums.
    assert torch.allclose(found, exact, rtol=0, atol=1e-5)
    assert len(model.predict(x[:0])) == 0


def test_predictions_refuse_bad_input():
    model = Model(1, 3, d_model=4)
    for x, error, message in (
        ([1.0], TypeError, "x must be a tensor"),
        (torch.ones(2, 9).long(), TypeError, "x must be real floating point"),
        (torch.ones(2, 3, 9), ValueError, "x must have shape"),
    ):
        with pytest.raises(error, match=message):
            model.predict(x)
    with pytest.raises(ValueError, match="batch_size must be at least 1"):
        model.predict(torch.ones(2, 9), batch_size=0)


def test_the_code_of_the_page_runs(tmp_path, monkeypatch):
    text = (ROOT / "book" / "api" / "models.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(code, names)
    assert torch.equal(names["y"], names["model"].predict(names["prompt"]))
    assert names["block"](torch.randn(2, 64, 9)).shape == (2, 64, 9)
