"""The shape of the code itself: short files, and tables that agree with types."""

import ast
from typing import get_args

import pytest

from ssmlib import _literals, models
from ssmlib.discretization import METHODS
from ssmlib.initialization import DISCRETE, names
from ssmlib.initialization.oscillators import RULES
from ssmlib.initialization.schemes import HIPPO
from ssmlib.layers.dss import VARIANTS
from ssmlib.layers.selective import CONVOLUTIONS, TRANSITIONS
from ssmlib.layers.subclass import SSM_PARTS
from ssmlib.layers.transforms import REAL_TRANSFORMS
from ssmlib.models import MIXING, NORMS, OTHER_LAYERS, POOLING, baselines
from ssmlib.training.steps import OPTIMIZERS
from tests.conftest import ROOT

TABLES = {
    "InitName": [*names(), *DISCRETE],
    "HippoName": HIPPO,
    "Discretization": METHODS,
    "OscillatorRule": RULES,
    "RealTransformName": REAL_TRANSFORMS,
    "Part": SSM_PARTS,
    "Variant": VARIANTS,
    "TransitionName": TRANSITIONS,
    "ConvolutionName": CONVOLUTIONS,
    "Pooling": POOLING,
    "Mix": MIXING,
    "NormName": NORMS,
    "OtherLayerName": OTHER_LAYERS,
    "OptimizerName": OPTIMIZERS,
    "WeightsName": ("one", "hippo"),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_type_of_names_lists_the_names_of_its_table(name):
    assert set(get_args(getattr(_literals, name))) == set(TABLES[name])


def test_every_type_of_names_is_compared():
    types = {n for n, v in vars(_literals).items() if n[0].isupper() and get_args(v)}
    assert types == set(TABLES)


def test_a_former_name_still_leads_to_the_other_layers():
    assert models.BASELINES is baselines.BASELINES is OTHER_LAYERS
    assert set(OTHER_LAYERS.values()) == {
        getattr(baselines, name) for name in baselines.__all__ if name != "BASELINES"
    }


FILES = sorted((ROOT / "ssmlib").rglob("*.py"))


def docstring_lines(text: str) -> int:
    """Return the number of lines that are docstrings."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    documented = [
        node.body[0]
        for node in ast.walk(ast.parse(text))
        if isinstance(node, kinds) and ast.get_docstring(node) is not None
    ]
    return sum(node.end_lineno - node.lineno + 1 for node in documented)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_file_has_at_most_300_lines_of_code(path):
    """Docstrings do not count: they have a line per argument."""
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) - docstring_lines(text) <= 300
