"""Generated expressions: their values, bounds, splits and baselines."""

import math
import random

import numpy as np
import pytest
import torch

from ssmlib.tasks import listops

SMALL = {"min_length": 5, "max_length": 33, "max_depth": 4, "max_args": 4}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SSMLIB_CACHE", str(tmp_path / "cache"))


def by_description(words):
    """An evaluator from the description alone, by recursion over a list of words."""

    def value(at):
        if not words[at].startswith("["):
            return int(words[at]), at + 1
        name, arguments, here = words[at][1:], [], at + 1
        while words[here] != "]":
            one, here = value(here)
            arguments.append(one)
        answer = {
            "MIN": min(arguments),
            "MAX": max(arguments),
            "MED": int(np.median(arguments)),
            "SM": sum(arguments) % 10,
        }[name]
        return answer, here + 1

    answer, end = value(0)
    assert end == len(words)
    return answer


@pytest.mark.parametrize("bounds", [SMALL, {"min_length": 100, "max_length": 400}])
def test_every_value_is_that_of_the_description(bounds):
    found = listops.generate(300, seed=3, **bounds)
    for tokens, length, value in zip(*vars(found).values(), strict=True):
        text = listops.text(tokens)
        words = text.split()
        assert len(words) == int(length)
        assert bounds["min_length"] < length < bounds["max_length"]
        assert by_description(words) == int(value) == listops.evaluate(text)
        assert not tokens[length:].any()
        assert bool((tokens[:length] > 0).all())


def test_the_published_bounds_accept_what_they_accept_there():
    """Roots that are digits are left out: a quarter of 8.3 in 100, as was sampled."""
    lengths = listops.length_distribution(10, 10, 1999)
    assert 0.25 * lengths[501:].sum() == pytest.approx(0.083, abs=4 * 0.0018)
    found = listops.generate(400, seed=0)
    error = found.lengths.double().std() / math.sqrt(400)
    assert abs(found.lengths.double().mean() - 1061) < 4 * (float(error) + 9)


def test_the_distribution_of_lengths_is_the_sampled_one():
    """Of what is drawn, kept or not; each length within five standard errors."""
    longest, draws = 60, 20_000
    exact = listops.length_distribution(3, 3, longest)
    assert exact[4] == pytest.approx(0.5 * 0.75**2)  # two digits
    assert exact[5] == pytest.approx(0.5 * 0.75**3)
    rng = random.Random(1)
    drawn = [len(listops._draw(rng, 3, 3, 10**6)[0]) for _ in range(draws)]
    found = np.bincount(drawn, minlength=longest + 1)[: longest + 1] / draws
    error = np.sqrt(exact * (1 - exact) / draws) + 1 / draws
    assert bool((np.abs(found - exact) < 5 * error).all())
    assert found.sum() > 0.999


def test_depths_are_counted_from_the_root():
    for text, depth in (
        ("[MAX 1 2 ]", 1),
        ("[MAX 1 [MIN 3 4 ] ]", 2),
        ("[SM [MED 1 [MIN 2 3 ] ] 5 [MAX 4 4 ] ]", 3),
    ):
        tokens = torch.tensor([[listops.WORDS.index(w) for w in text.split()]])
        assert int(listops.depths(torch.nn.functional.pad(tokens, (0, 3)))) == depth
        assert listops.text(tokens[0]) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[MED 1 2 3 4 ]", 2),
        ("[MED 9 9 8 7 ]", 8),
        ("[SM 9 9 9 ]", 7),
        ("[MIN [MAX 2 7 ] 5 ]", 5),
        ("3", 3),
    ],
)
def test_values_by_hand(text, value):
    assert listops.evaluate(text) == value


@pytest.mark.parametrize(
    "text",
    ["", "[MAX 1 2", "1 2", "[AVG 1 2 ]", "[MAX ]", "12", "\u0663", "]", "[MAX 1 ] ]"],
)
def test_what_is_no_expression_is_refused(text):
    with pytest.raises(ValueError, match="is no"):
        listops.evaluate(text)


def test_no_expression_is_in_two_parts_and_a_second_call_reads_the_cache():
    first, again = (listops.split(500, seed=2, **SMALL) for _ in range(2))
    whole = torch.cat([x for _, x, _ in first.parts()])
    assert whole.unique(dim=0).shape == whole.shape
    assert [len(x) for _, x, _ in first.parts()] == [400, 50, 50]
    for name, value in first.tensors().items():
        assert torch.equal(value, again.tensors()[name]), name
        assert value.dtype == torch.int64
    other = listops.split(500, seed=3, **SMALL)
    assert not torch.equal(other.y_train, first.y_train)


def test_baselines_are_what_counting_gives():
    data = listops.split(4000, seed=0, **SMALL)
    found = listops.baselines(data)
    values, counts = data.y_train.unique(return_counts=True)
    most = int(values[counts.argmax()])
    assert found["majority"] == float((data.y_test == most).double().mean())
    right = 0
    for x, y in zip(data.x_test, data.y_test, strict=True):
        own = data.y_train[data.x_train[:, 0] == x[0]].tolist()
        right += max(sorted(set(own)), key=own.count) == int(y)
    assert found["root"] == pytest.approx(right / len(data.y_test))
    assert found["majority"] < found["root"] < 0.3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_length": 5, "max_length": 6}, "accept 0.0e.00 of the expressions"),
        ({"min_length": 30, "max_length": 10}, "accept 0.0e.00 of the expressions"),
        ({"max_depth": 2, "max_args": 2}, "accept 0.0e.00 of the expressions"),
        ({"max_depth": 5, "max_args": 3}, "too few to find 20"),
        ({"max_args": 1}, "max_args must be at least 2"),
        ({"max_depth": 1}, "max_depth must be at least 2"),
        ({"n": 0}, "n must be at least 1"),
        ({"seed": -1}, "seed must be at least 0"),
    ],
)
def test_bounds_that_accept_nothing_are_found_at_once(options, message):
    with pytest.raises(ValueError, match=message):
        listops.generate(**{"n": 20, "seed": 0} | options)


def test_more_than_there_are_distinct_ones(monkeypatch):
    """Two digits under one of four operators: 400."""
    monkeypatch.setattr(listops, "DRAWS", 10**6)
    with pytest.raises(ValueError, match="fewer than 500 distinct expressions: 400"):
        listops.generate(
            500, seed=0, min_length=3, max_length=5, max_depth=2, max_args=2
        )


def test_bad_tokens_and_bounds():
    with pytest.raises(ValueError, match=r"tokens must be in 0 .. 15, got 16 to 16"):
        listops.text(torch.tensor([16]))
    with pytest.raises(ValueError, match="bound must be one of max_args, max_depth"):
        listops.split(50, seed=0, depth=3)
    with pytest.raises(ValueError, match="n must be at least 10"):
        listops.split(5, seed=0)


def test_integers_of_numpy_find_the_same_set(tmp_path, monkeypatch):
    monkeypatch.setenv("SSMLIB_CACHE", str(tmp_path / "numpy"))
    for n, seed in ((20, 1), np.array([20, 1])):
        listops.split(n, seed=seed, **{k: type(n)(v) for k, v in SMALL.items()})
    assert len(list((tmp_path / "numpy").iterdir())) == 1
