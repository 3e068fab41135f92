"""Names that are imported from `ssmlib` itself: the objects of its submodules."""

import ast
import importlib
import inspect
import subprocess
import sys

import pytest
import torch

import ssmlib
from ssmlib.layers import _arguments


def run(code):
    call = [sys.executable, "-c", code]
    return subprocess.run(call, capture_output=True, encoding="utf-8", check=True)


@pytest.mark.parametrize("name", ssmlib._OBJECTS)
def test_a_name_is_the_object_of_its_module(name):
    module = importlib.import_module(f"ssmlib.{ssmlib._OBJECTS[name]}")
    assert getattr(ssmlib, name) is getattr(module, name)
    assert name in module.__all__
    assert name in ssmlib.__all__
    assert name in dir(ssmlib)


def test_a_type_checker_sees_the_same_names():
    tree = ast.parse(inspect.getsource(ssmlib))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {}
    for node in block.body:
        if isinstance(node, ast.ImportFrom):
            module = node.module.removeprefix("ssmlib.")
            seen |= {a.name: module for a in node.names if a.asname == a.name}
    assert seen == ssmlib._OBJECTS
    declared = [n.target.id for n in block.body if isinstance(n, ast.AnnAssign)]
    assert declared == ["recommend"]


def test_an_unknown_name_is_no_attribute():
    with pytest.raises(AttributeError, match="has no attribute 'S5'"):
        ssmlib.S5  # noqa: B018


def test_the_names_load_nothing_before_they_are_used():
    found = run(
        "import sys, ssmlib; dir(ssmlib); print('torch' in sys.modules); "
        "ssmlib.S4D; print('torch' in sys.modules, 'ssmlib.training' in sys.modules)"
    )
    assert found.stdout == "False\nTrue False\n"


def test_layers_and_training_do_not_import_the_compiler():
    found = run(
        "import sys, ssmlib.layers, ssmlib.training; "
        "print('torch._dynamo' in sys.modules)"
    )
    assert found.stdout == "False\n"


def test_a_function_is_marked_for_the_compiler_as_pytorch_marks_it():
    def function():
        return True

    torch.compiler.assume_constant_result(function)
    assert vars(_arguments._to_onnx) == vars(function)


IMPORTS = {
    "flat": "from ssmlib import recommend",
    "flat after the module": "import ssmlib.recommend; from ssmlib import recommend",
    "module": "import ssmlib.recommend as recommend",
    "attribute": "import ssmlib; recommend = ssmlib.recommend",
    "function": "from ssmlib.recommend import recommend",
    "flat after the function": "from ssmlib.recommend import recommend; "
    "from ssmlib import recommend",
}


@pytest.mark.usefixtures("few_draws")
@pytest.mark.parametrize("code", IMPORTS.values(), ids=IMPORTS)
def test_recommend_can_be_called_however_it_is_imported(code):
    names = {}
    exec(code, names)
    x = torch.randn(400, generator=torch.Generator().manual_seed(0)).double()
    answer = names["recommend"](x, 16)
    assert answer == ssmlib.recommend.recommend(x, 16)
    assert isinstance(answer, ssmlib.recommend.Recommendation)


def test_the_callable_module_has_its_function_s_signature():
    call = inspect.signature(ssmlib.recommend)
    assert call == inspect.signature(ssmlib.recommend.recommend)
