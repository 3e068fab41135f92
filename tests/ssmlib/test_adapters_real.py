"""The adapters on modules of other packages, where these are installed.

Random weights; nothing is downloaded.
"""

import math

import pytest
import torch

from ssmlib import Initialization
from ssmlib.adapters import audit, initialize_
from tests.ssmlib import standins

SIZES = {"num_hidden_layers": 2, "vocab_size": 16, "hidden_size": 64, "pad_token_id": 0}
QWEN = {
    **{**SIZES, "num_hidden_layers": 4},
    "intermediate_size": 64,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 32,
    "linear_num_value_heads": 16,
    "linear_num_key_heads": 4,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
    "num_experts": 2,
    "moe_intermediate_size": 8,
    "shared_expert_intermediate_size": 8,
}
HEADS = {"num_heads": 16, "head_dim": 8, "state_size": 8, "n_groups": 1}
BAMBA = {
    **SIZES,
    "intermediate_size": 64,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "mamba_n_heads": 16,
    "mamba_d_head": 8,
    "mamba_d_state": 8,
}

#: name: (class, options of its configuration, kind, verdict, words of the cause)
MODELS = {
    "Mamba": (SIZES, "mamba", "as published", ""),
    "FalconMamba": (SIZES, "falcon-mamba", "as published", ""),
    "Mamba2": ({**SIZES, **HEADS}, "mamba2", "off", "A = -1 ... -16 over heads"),
    "Rwkv": ({**SIZES, "num_hidden_layers": 3}, "rwkv4", "as published", ""),
    "Qwen3Next": (QWEN, "gated-deltanet", "as published", ""),
    "Bamba": (BAMBA, "mamba2", "off", "dt_bias is 1 everywhere"),
}


def transformers_model(name, seed=0):
    package = pytest.importorskip("transformers", minversion="5")
    options = MODELS[name][0]
    torch.manual_seed(seed)
    config = getattr(package, f"{name}Config")(**options)
    return getattr(package, f"{name}Model")(config)


@pytest.mark.parametrize("name", MODELS)
def test_a_fresh_model_of_transformers(name):
    _, kind, verdict, words = MODELS[name]
    model = transformers_model(name)
    rows = audit(model, 64).rows
    assert {row["kind"] for row in rows} == {kind}
    assert {row["verdict"] for row in rows} == {verdict}
    assert all(words in row["cause"] for row in rows)
    initialize_(model, "published", strict=True)
    assert {row["verdict"] for row in audit(model, 64).rows} == {"as published"}


def test_the_forward_pass_sees_the_new_memory():
    """With less memory, the last output depends less on the first token."""
    model = transformers_model("Mamba").eval()
    x = torch.randint(16, (1, 40), generator=torch.Generator().manual_seed(0))
    y = x.clone()
    y[0, 0] = (y[0, 0] + 1) % 16

    def reach():
        with torch.no_grad():
            one, two = (model(ids).last_hidden_state[0, -1] for ids in (x, y))
        return float((one - two).norm() / one.norm())

    initialize_(model, Initialization("real", real=-1e-3, dt=0.1))
    long = reach()
    initialize_(model, Initialization("real", real=-10.0, dt=0.1))
    assert reach() < 1e-3 * long


def test_a_forgotten_initialization_and_zeros():
    model = transformers_model("Mamba2")
    with torch.no_grad():
        for layer in model.layers:
            layer.mixer.dt_bias.fill_(1)
    assert "43717" in audit(model, 64).rows[0]["cause"]
    with torch.no_grad():
        for layer in model.layers:
            layer.mixer.dt_bias.zero_()
            layer.mixer.A_log.zero_()
    (row, _) = audit(model, 64).rows
    assert row["verdict"] == "broken"
    assert row["memory_50"] == pytest.approx(1 / math.log(2), rel=1e-6)


def test_a_saved_model_is_read(tmp_path):
    from ssmlib.adapters import read

    model = transformers_model("Mamba2")
    model.save_pretrained(tmp_path)
    found = audit(read(tmp_path / "model.safetensors"), 64)
    kept = ("layer", "note")
    for one, two in zip(found.rows, audit(model, 64).rows, strict=True):
        assert {**one, **dict.fromkeys(kept)} == {**two, **dict.fromkeys(kept)}


def test_the_memory_of_transformers_default():
    package = pytest.importorskip("transformers", minversion="5")
    torch.manual_seed(0)
    options = {**SIZES, **HEADS, "num_heads": 128, "hidden_size": 512}
    model = package.Mamba2Model(package.Mamba2Config(**options))
    for row in audit(model, 64).rows:
        # The median of 128 draws; 95 % of them are between 1.5 and 2.7
        assert 1.2 < row["memory_50"] < 3.2


def test_a_model_of_mambapy():
    package = pytest.importorskip("mambapy.mamba")
    torch.manual_seed(0)
    model = package.Mamba(package.MambaConfig(d_model=64, n_layers=2))
    assert {row["verdict"] for row in audit(model, 64).rows} == {"as published"}
    with torch.no_grad():
        for layer in model.layers:
            torch.nn.init.zeros_(layer.mixer.dt_proj.bias)
    assert "mad-lab" in audit(model, 64).rows[0]["cause"]


def test_a_pytree_of_jax():
    jax = pytest.importorskip("jax")
    numbers = jax.tree.map(jax.numpy.asarray, standins.s5())
    tree = {"params": {"seq": numbers}}
    found = initialize_(tree, Initialization("legs", dt=(1e-3, 0.1)), kind="s5")
    assert jax.tree.structure(found) == jax.tree.structure(tree)
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(found))
    assert audit(found, 64).rows[0]["verdict"] == "as published"
