"""What the docstrings of layers and of data functions say they refuse, refused.

`test_promises` has the functions of arrays. Here each name has its calls, one per
refusal that its docstring names.
"""

import importlib
import inspect
import math
import pkgutil
import re

import numpy as np
import pytest
import torch

import ssmlib
from ssmlib import recommend, statistics, uncertainty
from ssmlib.initialization import Initialization, as_initialization
from ssmlib.initialization.arguments import (
    check_hippo,
    check_options,
    check_state_size,
    checked_real,
)
from ssmlib.kernels import diagonal
from ssmlib.layers import LRU, S4, S4D, LinOSS, OscillatorRecurrence, SharedRecurrence
from ssmlib.layers.recurrence import DenseRecurrence, Recurrence
from tests.ssmlib.promises import PROMISES
from tests.ssmlib.refusals import REFUSALS, U_T, A, B, U

Z = torch.ones(1, 2, dtype=torch.complex64)
SERIES = torch.sin(torch.arange(400.0) ** 2)
SEQUENCES = SERIES[:200].view(25, 8)


def moved_by(over):
    return statistics.moved(np.mean, [1.0, 2.0, 4.0], [2.0, 3.0, 3.0], over=over)


G = torch.Generator()
#: by public name, calls with what they raise
RAISES = REFUSALS | {
    "initialization.initialization.Initialization": [
        (lambda: Initialization("no"), ValueError, "must be one of"),
        (lambda: Initialization("lin", real=1.0), ValueError, "real must be"),
        (lambda: Initialization("legs", imag_scale=math.nan), ValueError, "imag_scale"),
        (lambda: Initialization("lin", dt=0.0), ValueError, "dt must be"),
        (lambda: Initialization("lin", real="1"), TypeError, "real must be"),
    ],
    "initialization.initialization.Initialization.fixed_dt": [
        (lambda: Initialization("lin").fixed_dt, ValueError, "dt must be one number"),
    ],
    "initialization.initialization.Initialization.hippo": [
        (lambda: Initialization("lin").hippo(8), ValueError, "legs"),
        (lambda: Initialization("legs").hippo(7), ValueError, "d_state must be even"),
        (lambda: Initialization("legs").hippo(8.0), TypeError, "d_state must be an"),
    ],
    "initialization.initialization.Initialization.modes": [
        (lambda: Initialization("lin").modes(7, G), ValueError, "d_state must be even"),
        (lambda: Initialization("lin").modes(8.0, G), TypeError, "d_state must be an"),
        (lambda: Initialization((A, B)).modes(8, G), ValueError, "d_state|modes"),
    ],
    "initialization.initialization.Initialization.poles": [
        (lambda: Initialization("lin").poles(8, G), ValueError, "init must be stated"),
        (lambda: Initialization("lru").poles(7, G), ValueError, "d_state must be even"),
        (lambda: Initialization("lru").poles(8.0, G), TypeError, "d_state must be an"),
    ],
    "initialization.arguments.check_options": [
        (lambda: check_options("lin", "1", 1.0, "one"), TypeError, "real must be"),
        (lambda: check_options("lin", 1.0, 1.0, "one"), ValueError, "real must be"),
        (lambda: check_options("lin", None, 1.0, "two"), ValueError, "B must be"),
    ],
    "initialization.arguments.checked_real": [
        (lambda: checked_real("1"), TypeError, "real must be"),
        (lambda: checked_real(0.1), ValueError, "real must be at most 0"),
        (lambda: checked_real(-math.inf), ValueError, "real must be finite"),
    ],
    "initialization.arguments.check_hippo": [
        (lambda: check_hippo("P", "lin"), ValueError, "legs"),
    ],
    "initialization.arguments.check_state_size": [
        (lambda: check_state_size("N", 8.0), TypeError, "N must be an int"),
        (lambda: check_state_size("N", 7), ValueError, "N must be even"),
        (lambda: check_state_size("N", 0), ValueError, "N must be at least 2"),
    ],
    "initialization.initialization.as_initialization": [
        (
            lambda: as_initialization(Initialization("lin"), dt=0.1),
            ValueError,
            "dt",
        ),
        (lambda: as_initialization(3), TypeError, "init must be"),
    ],
    "recommend.recommend": [
        (lambda: recommend.recommend([1.0], 4), TypeError, "x must be a tensor"),
        (lambda: recommend.recommend(SERIES.long(), 4), TypeError, "x must be real"),
        (lambda: recommend.recommend(SERIES, 4.0), TypeError, "L must be an int"),
        (lambda: recommend.recommend(SERIES, 4, seed=0.5), TypeError, "seed must be"),
        (lambda: recommend.recommend(SERIES, 4, constant="1"), TypeError, "constant"),
        (lambda: recommend.recommend(SERIES, 4, raw=1), TypeError, "raw must be True"),
        (lambda: recommend.recommend(SERIES), ValueError, "L must be given"),
        (lambda: recommend.recommend(SEQUENCES, 9), ValueError, "L must be that of x"),
        (lambda: recommend.recommend(SEQUENCES[None]), ValueError, "x must have shape"),
        (lambda: recommend.recommend(SEQUENCES[:19]), ValueError, "at least 20 seq"),
        (lambda: recommend.recommend(SERIES, 101), ValueError, "at least 4 windows"),
        (lambda: recommend.recommend(SERIES / 0, 4), ValueError, "x must be finite"),
        (lambda: recommend.recommend(0 * SERIES, 4), ValueError, "must not be constan"),
        (lambda: recommend.recommend(SERIES, 4, constant=0.0), ValueError, "constant"),
    ],
    "recommend.figure": [
        (lambda: recommend.figure("a"), TypeError, "advice must be a Recommendation"),
    ],
    "uncertainty.of_series": [
        (lambda: uncertainty.of_series([1.0], 4), TypeError, "x must be a tensor"),
        (lambda: uncertainty.of_series(SERIES, 4.0), TypeError, "L must be an int"),
        (lambda: uncertainty.of_series(SERIES, 4, seed="0"), TypeError, "seed must be"),
        (lambda: uncertainty.of_series(SEQUENCES, 4), ValueError, "x must be one seri"),
        (lambda: uncertainty.of_series(SERIES, 101), ValueError, "at least 4 windows"),
        (lambda: uncertainty.of_series(SERIES / 0, 4), ValueError, "x must be finite"),
        (lambda: uncertainty.of_series(SERIES**0, 4), ValueError, "must not be consta"),
        (
            lambda: uncertainty.of_series(SERIES.double() * 1e120, 4),
            ValueError,
            "1e100",
        ),
    ],
    "uncertainty.of_sequences": [
        (lambda: uncertainty.of_sequences([[1.0]]), TypeError, "x must be a tensor"),
        (lambda: uncertainty.of_sequences(SEQUENCES, seed="0"), TypeError, "seed must"),
        (lambda: uncertainty.of_sequences(SERIES), ValueError, "x must have shape"),
        (lambda: uncertainty.of_sequences(SEQUENCES[:9]), ValueError, "at least 20"),
        (lambda: uncertainty.of_sequences(SEQUENCES / 0), ValueError, "x must be fini"),
        (
            lambda: uncertainty.of_sequences(0 * SEQUENCES),
            ValueError,
            "must not be zer",
        ),
        (
            lambda: uncertainty.of_sequences(SEQUENCES.double() * 1e-120),
            ValueError,
            "1e-100",
        ),
    ],
    "kernels.diagonal.vandermonde_product": [
        (
            lambda: diagonal.vandermonde_product(Z, Z, 4, torch.int64),
            TypeError,
            "dtype must be float32 or float64",
        ),
    ],
    "statistics.resampling.moved": [
        (lambda: moved_by(0.0), ValueError, "over must not be zero"),
        (lambda: moved_by("1"), TypeError, "over must be"),
    ],
    "statistics.gaps.largest_gap": [
        (lambda: statistics.largest_gap(U, U_T), ValueError, "found must have the sh"),
        (lambda: statistics.largest_gap(U, 0 * U), ValueError, "exact must not be ze"),
        (lambda: statistics.largest_gap("a", U), TypeError, "found must"),
    ],
    "statistics.comparisons.holm": [
        (lambda: statistics.holm([], level=1.0), ValueError, r"level must be in"),
        (lambda: statistics.holm("a"), TypeError, "estimates must be"),
    ],
}
#: names whose refusals another test has, as file::test
ELSEWHERE = {
    "layers.rescaling.rescale_C_": "test_generalization::test_bad_arguments_are_"
    "refused",
    **dict.fromkeys(
        (
            "initialization.arguments.pair",
            "initialization.discrete.initialize_discrete",
            "initialization.discrete.check_options_discrete",
            "initialization.for_task.for_spectrum",
            "initialization.for_task.for_delay",
        ),
        "test_discrete::test_bad_arguments_are_refused",
    ),
    **dict.fromkeys(
        ("initialization.oscillators.check_rule", "initialization.oscillators.draw"),
        "test_linoss::test_bad_arguments_are_refused",
    ),
    **dict.fromkeys(
        (
            "layers.selective.Selective",
            "layers.selective.Selective.forward",
            "layers.selective.Selective.attention_map",
            "layers.selective.Selective.initial_state",
            "layers.selective.Selective.step",
        ),
        "test_selective::test_bad_arguments_are_refused",
    ),
    **dict.fromkeys(
        ("layers.irregular.intervals", "layers.resampling.resampled"),
        "test_sampling::test_bad_arguments",
    ),
    "layers.kernel_alone.KernelSSM.system": "test_layers::test_a_layer_may_give_its_"
    "kernel_alone",
    "layers.subclass.check_complete": "test_layers::test_a_subclass_that_lacks_a_part_"
    "is_named",
    "layers.subclass.check_parts": "test_layers::test_a_subclass_that_lacks_a_part_is_"
    "named",
    "layers.subclass.check_names": "test_layers::test_a_subclass_that_lacks_a_part_is_"
    "named",
    "layers.state.Described": "test_state::test_a_state_dict_with_another_option_is_"
    "refused",
    "statistics.resampling.bootstrap": "test_promises::test_a_bootstrap_refuses_what_"
    "is_no_number",
    "kernels.dense.dense_final_state": "test_promises::test_shapes_of_a_dense_system_"
    "are_refused",
}


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        pytest.param(*case, id=f"{name}-{k}")
        for name, cases in RAISES.items()
        for k, case in enumerate(cases)
    ],
)
def test_it_refuses_what_its_docstring_says(call, error, message):
    with pytest.raises(error, match=message):
        call()


def documented():
    """The public names of these parts whose docstrings speak of an error."""
    found = {}
    for info in pkgutil.walk_packages(ssmlib.__path__, "ssmlib."):
        path = info.name.removeprefix("ssmlib.")
        if path.split(".")[0] not in PARTS or path.rsplit(".", 1)[-1].startswith("_"):
            continue
        module = importlib.import_module(info.name)
        for name, value in vars(module).items():
            if getattr(value, "__module__", None) != info.name or name[0] == "_":
                continue
            found[f"{path}.{name}"] = value
            for part, method in vars(value).items() if inspect.isclass(value) else ():
                if part[0] != "_":
                    found[f"{path}.{name}.{part}"] = method
    speaks = re.compile(
        r"\b(Raises?|raises|ValueError|TypeError|refused?s?|errors as)\b"
    )
    return {
        n: v for n, v in found.items() if speaks.search(getattr(v, "__doc__", "") or "")
    }


PARTS = {
    *("autocorrelation", "curves", "discretization", "hippo", "initialization"),
    *("inputs", "kernels", "layers", "recommend", "statistics", "theory"),
    "uncertainty",
}


def test_each_promise_of_a_docstring_has_a_test():
    """A function of arrays is in the table of `promises`, another one here."""
    tested = {*RAISES, *ELSEWHERE}
    missing = [
        name
        for name, value in documented().items()
        if name not in tested and value not in PROMISES
    ]
    assert missing == []
    assert tested <= set(documented()) | {"layers.s4.S4"}


def test_the_tests_that_are_elsewhere_exist():
    for place in ELSEWHERE.values():
        file, test = place.split("::")
        assert hasattr(importlib.import_module(f"tests.ssmlib.{file}"), test), place


def test_each_documented_kind_of_error_occurs():
    """Where a docstring names TypeError, a case raises it; so for ValueError."""
    for name, cases in RAISES.items():
        text = documented()[name].__doc__
        raised = [error for _, error, _ in cases]
        for error in (TypeError, ValueError):
            if error.__name__ in text:
                assert any(
                    error is one or (isinstance(one, tuple) and error in one)
                    for one in raised
                ), (name, error)


def test_recurrences_are_those_of_the_layers():
    assert isinstance(S4D(3, 8).recurrence(), Recurrence)
    assert isinstance(S4(3, 8).recurrence(), DenseRecurrence)
    assert isinstance(LRU(3, 8).recurrence(), SharedRecurrence)
    assert isinstance(LinOSS(3, 8).recurrence(), OscillatorRecurrence)
