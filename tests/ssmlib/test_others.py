"""`audit` on models that other packages built: `others.py` says how.

The models, the faults and the verdicts that they must get were written down before the
adapters saw them, from the sources of the packages and the published laws alone.
"""

import base64
import json
from pathlib import Path

import pytest
import torch

from ssmlib.adapters import audit, initialize_

STORED = json.loads((Path(__file__).parent / "others.json").read_text("utf-8"))

#: by name the kind, the verdict, words of the cause, and the number of layers
EXPECTED = {
    # its generic initialization sets the bias of every linear layer to 0
    "jamba": ("mamba", "off", "dt_proj.bias is 0 everywhere", 2),
    "zamba2": ("mamba2", "off", "A = -1 ... -16 over heads", 2),
    "falcon_h1": ("mamba2", "off", "dt_bias is 1 everywhere", 2),
    "olmo_hybrid": ("gated-deltanet", "as published", "", 3),
    "mamba_in_bfloat16": ("mamba", "off", "bfloat16", 2),
    "rwkv_overwritten": ("rwkv4", "off", "another one was applied over it", 3),
    "qwen_without_values": ("gated-deltanet", "broken", "never initialized", 3),
    "mamba2_of_mambapy": ("mamba2", "as published", "", 2),
    "mamba_in_a_language_model": ("mamba", "off", "wrapper", 2),
    "s4d": ("s4d", "as published", "", 1),
    "s5": ("s5", "as published", "", 1),
    "lru": ("lru", "as published", "", 1),
}


def model(name):
    """The parameters of a model by their full names, as a state dict."""
    found = {}
    for key, (dtype, shape, text) in STORED[name].items():
        raw = bytearray(base64.b64decode(text))
        found[key] = torch.frombuffer(raw, dtype=getattr(torch, dtype)).reshape(shape)
    return found


def test_each_stored_model_has_an_expectation():
    assert sorted(STORED) == sorted(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_model_of_another_package_gets_its_verdict(name):
    kind, verdict, words, layers = EXPECTED[name]
    found = audit(model(name), 256)
    assert len(found.rows) == layers
    assert not found.unknown
    for row in found.rows:
        assert (row["kind"], row["verdict"]) == (kind, verdict)
        assert words in row["cause"]
    assert len(found.warnings) == (0 if verdict == "as published" else layers)


@pytest.mark.parametrize("name", EXPECTED)
def test_the_published_law_repairs_it(name):
    repaired = initialize_(model(name), "published", strict=True, seed=3)
    assert repaired.keys() == STORED[name].keys()
    verdicts = {row["verdict"] for row in audit(repaired, 256).rows}
    # The law in bfloat16 stays rounded.
    assert verdicts == {"off" if name == "mamba_in_bfloat16" else "as published"}
