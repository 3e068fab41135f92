"""Claims that rest on others: bad graphs are refused, a fall reaches its dependents."""

import json
import random

import pytest

from ssmbook.ledger import support
from ssmbook.ledger.entries import load
from ssmbook.ledger.verdicts import judge, supported
from ssmbook.notebook.executed import Executed
from tests.ssmbook import toy
from tests.ssmbook.outputs import notebook, output_of

FELL = ("not reproduced", "undecided", "limits do not hold", "not testable here")


def ledger(folder, **requires):
    """A ledger of one chapter, a claim for each name; its record has that name."""
    (folder / "book" / "claims").mkdir(parents=True, exist_ok=True)
    toc = "format: jb-book\nroot: book/intro\nchapters:\n  - file: notebooks/part/toy\n"
    (folder / "_toc.yml").write_text(toc, encoding="utf-8")
    (folder / "notebooks" / "part").mkdir(parents=True, exist_ok=True)
    toy.notebook(folder / toy.NOTEBOOK)
    entries = [
        toy.CLAIM
        | {"id": name, "requires": needed, "valid_for": {}}
        | {"expect": [{"key": name, "between": [0, 2], "because": "arithmetic"}]}
        for name, needed in requires.items()
    ]
    path = folder / "book" / "claims" / "toy.yml"
    path.write_text(json.dumps(entries), encoding="utf-8")
    return load(folder)


@pytest.mark.parametrize(
    ("requires", "message"),
    [
        ({"a": ["a"]}, "claim a: requires names the claim itself"),
        ({"a": ["b"]}, "claim a: requires names b, which is no claim"),
        ({"a": ["b", "b"], "b": []}, r"claim a: requires names a claim twice: \['b'"),
        ({"a": ["b"], "b": ["a"]}, r"claim [ab]: requires leads back to the claim it"),
        (
            {"a": [], "b": ["a", "d"], "c": ["b"], "d": ["c"]},
            r"(b requires d requires c requires b|c requires b requires d requires c"
            r"|d requires c requires b requires d)$",
        ),
    ],
)
def test_a_bad_graph_is_refused_with_file_and_claim(tmp_path, requires, message):
    with pytest.raises(ValueError, match=message) as error:
        ledger(tmp_path, **requires)
    assert str(tmp_path / "book" / "claims" / "toy.yml") in str(error.value)


def reaches(requires, claim, fell):
    """Whether a chain of required claims leads from one to another: by brute force."""
    seen, todo = set(), [*requires[claim]]
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += requires[name]
    return fell in seen


def test_a_fall_reaches_those_that_rest_on_it_and_no_others():
    """Ten falsehoods in each of twenty random graphs, against brute force."""
    rng = random.Random(0)
    for _ in range(20):
        names = [f"c{k}" for k in range(12)]
        requires = {
            name: [other for other in names[:k] if rng.random() < 0.2]
            for k, name in enumerate(names)
        }
        shuffled = {name: requires[name] for name in rng.sample(names, len(names))}
        verdicts = {n: rng.choice(support.HOLDS) for n in names}
        assert support.shown(shuffled, verdicts) == verdicts
        for false in rng.sample(names, 10):
            planted = verdicts | {false: rng.choice(FELL)}
            shown = support.shown(shuffled, planted)
            changed = {n for n in names if shown[n] != verdicts[n]} - {false}
            assert changed == {n for n in names if reaches(requires, n, false)}
            assert all(shown[n] == support.OPEN for n in changed)
            assert shown[false] == planted[false]


@pytest.mark.parametrize("own", ["not judged", "not testable here"])
def test_a_claim_without_a_verdict_does_not_become_open(own):
    requires = {"a": [], "b": ["a"]}
    found = support.shown(requires, {"a": "not reproduced", "b": own})
    assert found["b"] == own


def test_a_verdict_is_shown_as_open_and_stays_as_it_is(tmp_path):
    """b rests on a, c on b; a fails. d rests on nothing."""
    claims = ledger(tmp_path, a=[], b=["a"], c=["b"], d=[])
    values = {"a": 3.0, "b": 1.0, "c": 1.0, "d": 1.0}
    outputs = [output_of(key, value) for key, value in values.items()]
    ran = {"toy": Executed.read(notebook(tmp_path / "toy.ipynb", *outputs))}
    found = judge(claims, ran)
    holds = "reproduced"
    assert [j.verdict for j in found] == ["not reproduced", holds, holds, holds]
    assert [j.shown for j in found] == ["not reproduced", "open", "open", holds]
    assert [j.agrees for j in found] == [False, True, True, True]
    fallen = [dict(j.fallen) for j in found]
    assert fallen == [{}, {"a": "not reproduced"}, {"b": "open"}, {}]
    # Without a, as in a run of another chapter, the ledger's verdict of a counts.
    (alone,) = judge(claims[1:2], ran)
    assert alone.shown == holds
    (whole,) = supported([alone], claims)
    assert whole.shown == holds
