"""Studies in parts: what a part must be, and what the pooled estimates are."""

from __future__ import annotations

import copy
import functools
import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from ssmbook.notebook.files import sealed
from ssmbook.notebook.losses import Losses, part_files
from ssmbook.runs import stores
from ssmbook.studies import design, parts
from ssmbook.studies.design import Contrast
from ssmbook.studies.estimates import Effect, effect, effects
from ssmbook.studies.parts import of_study, settle
from ssmbook.studies.pooling import Pooled, pooled
from ssmbook.studies.student import p_value
from tests.ssmbook import synthetic
from tests.ssmbook.synthetic import STUDY, csv, finished, rows, stated, write_part

BASE = "studies/toy/base"


def logs(task: str, arm: str, seeds: range) -> np.ndarray:
    table = {(r["task"], r["arm"], r["seed"]): r["test_loss"] for r in rows(seeds)}
    return np.log([table[task, arm, seed] for seed in seeds])


def test_effects_are_those_of_all_seeds_of_all_parts(tmp_path):
    """Against SciPy, on the losses of all seeds in one array."""
    found, seeds = effects(finished(tmp_path)), range(16)
    a, b = (np.array([logs(t, arm, seeds) for t in synthetic.TASKS]) for arm in "ab")
    for name, draws in {
        "a_over_b": (a - b)[0],
        "both": (a - b).mean(0),
        "by_task": (a - b).mean(1),
    }.items():
        low, high = stats.ttest_1samp(draws, 0).confidence_interval(0.95)
        own = found[name]
        least, most = np.log(own.ends)
        assert least <= low + 1e-9
        assert high - 1e-9 <= most
        t = (own.pooled.value - np.log(own.ends)) / own.pooled.se
        p = [p_value(end, len(draws) - 1, stats.skew(draws)) for end in t]
        assert p == pytest.approx([0.05, 0.05], rel=1e-4)
        assert own.value == pytest.approx(np.exp(draws.mean()), rel=1e-6)
        assert own.n == len(draws)
    apart = np.exp(a[0]) - np.exp(b[0])
    assert found["points"].value == pytest.approx(apart.mean(), rel=1e-6)
    low, high = found["both"].ends
    value = found["both"].value
    interval = f"{low:.2f} to {high:.2f}, {len(seeds)} seeds"
    assert found["both"].text == f"{value:.2f} times ({interval})"
    assert found["both"].label == "test loss of a over that of b"
    assert found["by_task"].unit == "tasks"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.0000583, "0.000058"),
        (0.00412, "0.0041"),
        (0.1, "0.10"),
        (1.236, "1.24"),
        (13.4, "13"),
        (99.7, "100"),
        (2012.0, "2,000"),
    ],
)
def test_a_ratio_is_rounded_and_has_no_exponent(value, words):
    draws = pooled({"a": dict.fromkeys(range(3), np.log(value))})
    assert Effect("x", "ratio", draws, "seeds").numbers == (words, words, words)


def test_a_contrast_says_what_it_compares():
    def label(**parts):
        return Contrast(ratio=("a", "b"), **parts).label

    assert label(task="x") == "test loss of a over that of b, x"
    assert label(task=("x",)) == label(task="x")
    of_two = "passes of a over that of b, mean over 2 tasks, short training"
    assert label(task=("x", "y"), column="passes", budget="short") == of_two
    assert label(words="the larger over the smaller") == "the larger over the smaller"
    points = Contrast(difference=("a", "b"), column="test_accuracy")
    assert points.label == "test accuracy of a less that of b"


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("ratio", 1.2345, "1.23"),
        ("ratio", 0.98765, "0.99"),
        ("ratio", 0.0123456, "0.012"),
        ("ratio", 34.56, "35"),
        ("difference", 0.0123456, "+0.012"),
        ("difference", -0.875, "-0.88"),
    ],
)
def test_an_effect_has_few_digits(kind, value, text):
    shown = math.log(value) if kind == "ratio" else value
    own = Effect("a over b", kind, Pooled(shown, 0.0, 5, {}, 0.0, 1.0), "seeds")
    times = " times" if kind == "ratio" else ""
    assert own.text == f"{text}{times} ({text} to {text}, 5 seeds)"


def test_heterogeneity_is_that_of_the_parts(tmp_path):
    """Q / (parts - 1) is the F of a one-way analysis of variance over the parts."""
    pooled = effects(finished(tmp_path))["a_over_b"].pooled
    draws = logs("one", "a", range(16)) - logs("one", "b", range(16))
    F, p = stats.f_oneway(*draws.reshape(4, 4))
    assert pooled.Q / 3 == pytest.approx(F, rel=1e-6)
    assert pooled.p == pytest.approx(p, rel=1e-5)


def test_missing_parts_are_known(tmp_path):
    study = stated(tmp_path)
    assert of_study(tmp_path, study).missing("base") == study.blocks("base")
    write_part(tmp_path, study, "base", range(4, 8))
    found = of_study(tmp_path, study)
    assert found.missing("base") == [range(4), range(8, 12), range(12, 16)]
    assert found.count("base") == 4


def test_one_seed_has_no_effect_yet(tmp_path):
    """So a build in the middle of a study with a part per seed does not fail."""
    study = stated(tmp_path, STUDY | {"per_part": 1})
    write_part(tmp_path, study, "base", range(1))
    assert effects(of_study(tmp_path, study)) == {}
    write_part(tmp_path, study, "base", range(1, 2))
    assert effects(of_study(tmp_path, study))["a_over_b"].n == 2


def test_added_seeds_are_parts_of_the_design(tmp_path):
    """They are evaluated with the first ones, when all of them are measured."""
    designs = {"base": {"seeds": [0, 5], "added": [[40, 44]]}}
    study = stated(tmp_path, STUDY | {"designs": designs})
    blocks = [range(4), range(4, 6), range(40, 44), range(44, 45)]
    assert study.blocks("base") == blocks
    looks = []
    for block in blocks:
        write_part(tmp_path, study, "base", block)
        found = of_study(tmp_path, study)
        looks.append((found.looks, effects(found)["a_over_b"].n))
    assert looks == [(0, 4), (1, 6), (1, 6), (2, 11)]
    assert found.missing("base") == []


def test_a_chapter_reads_added_parts_when_all_of_them_are_measured(tmp_path):
    designs = {"base": {"seeds": [0, 3], "added": [[40, 43], [60, 67]]}}
    study = stated(tmp_path, STUDY | {"designs": designs})
    home = tmp_path / "studies" / "toy" / "base"
    read = []
    for block in (range(4), range(60, 64), range(40, 44), range(64, 68)):
        write_part(tmp_path, study, "base", block)
        settle(tmp_path, study)
        read.append([path.stem for path in part_files(home)])
        assert of_study(tmp_path, study).count("base") == 4 * len(read)
    one, two = ["0-3", "40-43"], ["0-3", "40-43", "60-63", "64-67"]
    assert read == [["0-3"], ["0-3"], one, two]
    assert not (home / "incomplete").exists()


def test_an_interrupted_move_of_added_parts_loses_nothing(tmp_path, monkeypatch):
    designs = {"base": {"seeds": [0, 3], "added": [[40, 47]]}}
    study = stated(tmp_path, STUDY | {"designs": designs})
    for block in study.blocks("base"):
        write_part(tmp_path, study, "base", block)
    for stop in (
        0,
        1,
        3,
        1,
    ):  # files of the two parts, of which the first is then moved
        with monkeypatch.context() as patch:
            patch.setattr(parts, "replace", functools.partial(stopped, [], stop))
            with pytest.raises(KeyboardInterrupt):
                settle(tmp_path, study)
        assert of_study(tmp_path, study).count("base") == 12
    settle(tmp_path, study)
    assert of_study(tmp_path, study).count("base") == 12


def stopped(done: list, stop: int, path: Path, content: bytes) -> None:
    """Replace files, and stop before one of them."""
    if len(done) == stop:
        raise KeyboardInterrupt
    done.append(path)
    stores.replace(path, content)


PARTS = {
    "another design": ({"steps": 6}, "steps must be 5, got 6"),
    "a parameter that the design leaves at its default": (
        {"d_model": 8},
        "different values of d_model",
    ),
    "other seeds": ({"table": rows(range(8, 12))}, "must have the seeds 4-7"),
    "a missing arm": (
        {"table": [r for r in rows(range(4, 8)) if r["arm"] != "b"]},
        "differ in the model",
    ),
    "another chapter": ({"notebook": "other"}, "complete run of toy, got other"),
}


@pytest.mark.parametrize("case", PARTS)
def test_a_part_that_is_not_of_the_design_is_refused(tmp_path, case):
    changes, said = PARTS[case]
    changes = dict(changes)
    study = stated(tmp_path)
    write_part(tmp_path, study, "base", range(4), d_model=4)
    notebook = changes.pop("notebook", None)
    path = write_part(tmp_path, study, "base", range(4, 8), **changes)
    if notebook:
        document = path.with_suffix(".json")
        parts = json.loads(document.read_bytes())
        del parts["checksum"]
        document.write_bytes(sealed(parts | {"notebook": notebook}))
    with pytest.raises(ValueError, match=said):
        of_study(tmp_path, study)


def test_a_later_part_may_have_a_parameter_that_the_notebook_got_since(tmp_path):
    study = stated(tmp_path)
    write_part(tmp_path, study, "base", range(4))
    write_part(tmp_path, study, "base", range(4, 8), layers=1)
    assert of_study(tmp_path, study).count("base") == 8


def test_a_changed_table_or_document_is_refused(tmp_path):
    study = stated(tmp_path)
    path = write_part(tmp_path, study, "base", range(4))
    document = path.with_suffix(".json")
    content, sealed_parts = path.read_bytes(), document.read_bytes()
    path.write_bytes(content.replace(b",a,0,", b",a,1,", 1))
    with pytest.raises(ValueError, match="is not the table that"):
        of_study(tmp_path, study)
    path.write_bytes(content)
    document.write_bytes(sealed_parts.replace(b'"steps": 5', b'"steps": 6'))
    with pytest.raises(ValueError, match="checksum"):
        of_study(tmp_path, study)
    document.unlink()
    with pytest.raises(ValueError, match="has no document"):
        of_study(tmp_path, study)


def test_parts_of_seeds_that_the_design_does_not_state_are_refused(tmp_path):
    study = stated(tmp_path)
    write_part(tmp_path, study, "base", range(20, 24))
    with pytest.raises(ValueError, match="its seeds or per_part were changed"):
        of_study(tmp_path, study)


TABLES = {
    "a loss that is not finite": (b"0.1,nan,finished", "test_loss must be finite"),
    "a text in place of a loss": (b"0.1,x,finished", "could not convert"),
    "a value too many": (b"0.1,1.0,finished,2", "more or fewer values"),
    "a value too few": (b"0.1,1.0", "more or fewer values"),
}


@pytest.mark.parametrize("case", TABLES)
def test_a_bad_table_is_refused(case):
    line, said = TABLES[case]
    header = csv([]).decode().encode()
    with pytest.raises(ValueError, match=f"line 2: .*{said}"):
        Losses.from_csv(header + b"one,a,0,long," + line + b"\n", "t.csv")


def test_a_table_with_a_model_twice_or_without_a_column_is_refused():
    table = rows(range(1))
    with pytest.raises(ValueError, match="two rows of"):
        Losses.from_csv(csv([*table, table[0]]), "t.csv")
    with pytest.raises(ValueError, match="must have the columns task"):
        Losses.from_csv(csv(table).replace(b"arm", b"name", 1), "t.csv")


STUDIES = {
    "no base": ({"designs": {"other": {"seeds": [0, 3]}}}, "one called base"),
    "shared seeds": (
        {"designs": {"base": {"seeds": [0, 7]}, "more": {"seeds": [7, 9]}}},
        "seed 7 is in the designs base and more",
    ),
    "a seed as parameter": ({"parameters": {"seed": 3}}, "seed follows from"),
    "two kinds": (
        {"contrasts": {"x": {"ratio": ["a", "b"], "difference": ["a", "b"]}}},
        "one of ratio and difference",
    ),
    "one arm": ({"contrasts": {"x": {"ratio": ["a", "a"]}}}, "two different arms"),
    "a pilot of many parts": (
        {"designs": STUDY["designs"] | {"pilot": {"seeds": [200, 209]}}},
        "pilot must be one part, of at most 4",
    ),
    "an unknown field": ({"seeds": [1, 2]}, "unknown field seeds"),
    "a seed that was measured is added": (
        {"designs": {"base": {"seeds": [0, 7], "added": [[7, 9]]}}},
        "seed 7 is in the designs base and base: a seed may be listed once",
    ),
    "falling seeds": ({"designs": {"base": {"seeds": [3, 0]}}}, "first <= last"),
}


@pytest.mark.parametrize("case", STUDIES)
def test_a_bad_study_is_refused(tmp_path, case):
    changes, said = STUDIES[case]
    with pytest.raises(ValueError, match=said) as raised:
        stated(tmp_path, copy.deepcopy(STUDY) | changes)
    assert "study.yml" in str(raised.value)


def changed(table: list[dict], **values) -> list[dict]:
    return [table[0] | values, *table[1:]]


@pytest.mark.parametrize(
    ("contrast", "table", "said"),
    [
        ({"ratio": ("a", "c")}, rows(range(4)), "no loss of 'c' on one"),
        ({"ratio": ("a", "b"), "task": "four"}, rows(range(4)), "on four"),
        ({"ratio": ("a", "b"), "budget": "short"}, rows(range(4)), "budget 'short'"),
        (
            {"ratio": ("a", "b")},
            changed(rows(range(4)), status="diverged"),
            "'a' diverged on one at seed 0",
        ),
        (
            {"ratio": ("a", "b")},
            changed(rows(range(4)), test_loss=0.0),
            "positive values",
        ),
        ({"ratio": ("a", "b")}, rows(range(1)), "two draws"),
    ],
)
def test_an_effect_without_a_value_is_an_error(contrast, table, said):
    with pytest.raises(ValueError, match=said):
        effect(Contrast(**contrast), {"part": table})


def several(home: Path, monkeypatch, **studies: dict) -> dict:
    """All studies of a repository with the chapters toy and other."""
    monkeypatch.setattr(design, "chapters", lambda root: {"toy": None, "other": None})
    for name, changes in studies.items():
        stated(home, STUDY | changes, name)
    return design.studies(home)


def test_a_chapter_may_have_several_studies(tmp_path, monkeypatch):
    more = {"chapter": "toy", "contrasts": {"more": {"ratio": ["a", "b"]}}}
    found = several(tmp_path, monkeypatch, toy={}, larger=more)
    assert {name: own.chapter for name, own in found.items()} == {
        "toy": "toy",
        "larger": "toy",
    }


@pytest.mark.parametrize(
    ("studies", "said"),
    [
        ({"larger": {"chapter": "none"}}, "no chapter is called none"),
        ({"larger": {}}, "no chapter is called larger"),
        ({"other": {"chapter": "toy"}}, "chapter must be other, which has this name"),
        (
            {"toy": {}, "larger": {"chapter": "toy"}},
            "the contrast a_over_b is in the study larger of the same chapter",
        ),
    ],
)
def test_studies_that_exclude_each_other_are_refused(
    tmp_path, monkeypatch, studies, said
):
    with pytest.raises(ValueError, match=said):
        several(tmp_path, monkeypatch, **studies)
