"""The page of all trained comparisons: its rows, its drawings, its errors."""

import json
import math
import re
from dataclasses import asdict

import numpy as np
import pytest
import yaml

from ssmbook.book import sphinx
from ssmbook.ledger.verdicts import judge
from ssmbook.pages import forest
from ssmbook.studies.estimates import Effect
from ssmbook.studies.parts import of_study
from ssmbook.studies.pooling import pooled
from tests.ssmbook import synthetic, toy
from tests.ssmbook.outputs import output_of
from tests.ssmbook.test_sphinx_extension import built, executed

BETTER = {"key": "a_over_b", "below": 1.0}
LEARNS = {"key": "learns", "below": 0.5}
ALIKE = {"key": "both", "between": [0.8, 1.25]}
POINTS = {"key": "points", "below": 0.0}
QUESTIONS = [
    {"question": "Is a better?", "claims": ["a-is-better", "alike"]},
    {"question": "Do they learn?", "baselines": ["constant"]},
]


def claims(study):
    return [
        synthetic.claim(study, BETTER, LEARNS),
        synthetic.claim(study, ALIKE, BETTER, LEARNS, POINTS, id="alike"),
    ]


def path_of(folder, questions):
    path = folder / "effects.yml"
    path.write_text(yaml.safe_dump(questions), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return synthetic.finished(tmp_path_factory.mktemp("study"))


def rows(study, path):
    judged = judge(claims(study), {}, {}, {"toy": study})
    return forest.rows(path, judged, {"toy": study})


def effect(value, se=0.01, n=20, kind="ratio"):
    """An effect whose draws lie evenly around the value, in logarithms for a ratio."""
    center = math.log(value) if kind == "ratio" else value
    draws = np.linspace(-1, 1, n)
    draws *= se * math.sqrt(n) / draws.std(ddof=1)
    return Effect("x", kind, pooled({"a": dict(enumerate(draws + center))}), "seeds")


def test_a_comparison_is_a_row_of_its_question_by_effect(study, tmp_path):
    found = rows(study, path_of(tmp_path, QUESTIONS))
    first, second = found.values()
    assert [*found] == ["Is a better?", "Do they learn?"]
    values = [row.effect.value for row in first]
    assert values == sorted(values)
    both = {"a-is-better", "alike"}
    assert {row.effect.label: {*row.predicted} for row in first} == {
        "test loss of a over that of b, one": both,
        "test loss of a over that of b": {"alike"},
        "test loss of a less that of b, one": {"alike"},
    }
    assert [{*row.predicted} for row in second] == [both]


def test_the_effects_are_those_of_the_ledger(study, tmp_path):
    judged = judge(claims(study), {}, {}, {"toy": study})
    known = [*judged[0].effects.values()]
    found = rows(study, path_of(tmp_path, QUESTIONS))
    assert all(row.effect in known for own in found.values() for row in own)


def test_differences_are_in_a_table_without_drawings(study, tmp_path):
    judged = judge(claims(study), {}, {}, {"toy": study})
    text = forest.part(path_of(tmp_path, QUESTIONS), judged, {"toy": study})
    ratios, differences = text.split("## Differences that are no ratio")
    assert ratios.count("<circle") + ratios.count('class="beyond"') == 3
    assert "<svg" not in differences
    assert len(re.findall(r"^\| test loss of a less", differences, re.M)) == 1
    assert "| a vs. b, one | <svg" in ratios
    alike = [f"at most 1: holds {{claim}}`{name}`" for name in ("a-is-better", "alike")]
    assert f"{'<br>'.join(alike)} |" in ratios
    assert "16 seeds" in ratios


def test_a_claim_without_a_complete_study_is_named(tmp_path):
    stated = synthetic.stated(tmp_path)
    partly = of_study(tmp_path, stated)
    judged = judge(claims(partly), {}, {}, {"toy": partly})
    text = forest.part(path_of(tmp_path, QUESTIONS), judged, {"toy": partly})
    assert "|" not in text
    assert "[a-is-better](claim-a-is-better), [alike](claim-alike)." in text


BAD = {
    "is no claim that is evaluated on a study": [
        {"question": "x", "claims": ["a-is-better", "alike", "a-is-beter"]}
    ],
    "does not list the claim alike": [{"question": "x", "claims": ["a-is-better"]}],
    "lists the claim alike twice": [
        {"question": "x", "claims": ["a-is-better", "alike"]},
        {"question": "y", "claims": ["alike"]},
    ],
    "lists the question x twice": [
        {"question": "x", "claims": ["a-is-better", "alike"]},
        {"question": "x", "baselines": ["constant"]},
    ],
    "no study compares an arm with the baseline constants": [
        {"question": "x", "claims": ["a-is-better", "alike"]},
        {"question": "y", "baselines": ["constants"]},
    ],
    "must be a list of questions": {"question": "x"},
    "entry 1: unknown field claim": [{"question": "x", "claim": ["alike"]}],
    "entry 2: question is missing": [{"question": "x"}, {"claims": ["alike"]}],
}


@pytest.mark.parametrize("message", BAD)
def test_a_mistake_names_the_file(study, tmp_path, message):
    path = path_of(tmp_path, BAD[message])
    with pytest.raises(ValueError, match=message) as raised:
        rows(study, path)
    assert str(path) in str(raised.value)


def test_a_book_without_the_file_has_no_rows(study, tmp_path):
    path = tmp_path / "effects.yml"
    assert forest.part(path, [], {}) == ""
    assert rows(study, path) == {}


def numbers(drawing, name):
    return [float(x) for x in re.findall(rf' {name}="(-?[\d.]+)%?"', drawing)]


def test_the_axis_is_logarithmic_with_1_in_the_middle():
    centers = [
        numbers(forest.drawing(effect(ratio)), "cx")[0]
        for ratio in (1 / 3.61, 1 / 1.9, 1.0, 1.9, 3.61)
    ]
    assert centers[2] == 50
    assert np.diff(centers) == pytest.approx([centers[1] - centers[0]] * 4, abs=0.02)
    assert 0 < centers[0] < centers[-1] < 100


def test_a_drawing_ends_where_the_interval_does():
    own = effect(1.2, se=0.1)
    drawn = forest.drawing(own)
    at = {
        ratio: numbers(forest.drawing(effect(ratio)), "cx")[0]
        for ratio in (*own.ends, own.value)
    }
    assert numbers(drawn, "x1")[-1] == pytest.approx(at[own.ends[0]], abs=0.01)
    assert numbers(drawn, "x2")[-1] == pytest.approx(at[own.ends[1]], abs=0.01)
    assert 'class="beyond"' not in drawn


@pytest.mark.parametrize(
    ("value", "se", "points", "arrows"),
    [
        (1.0, 0.1, 1, []),
        (3.9, 0.1, 1, ["M0-5L9"]),
        (0.26, 0.1, 1, ["M0-5L-9"]),
        (4.1, 0.1, 0, ["M0-5L9"]),
        (2000.0, 0.1, 0, ["M0-5L9"]),
        (0.0002, 0.1, 0, ["M0-5L-9"]),
        (1.0, 2.0, 1, ["M0-5L-9", "M0-5L9"]),
    ],
)
def test_an_interval_beyond_the_axis_has_an_arrow(value, se, points, arrows):
    drawn = forest.drawing(effect(value, se))
    assert drawn.count("<circle") == points
    assert re.findall(r"M0-5L-?9", drawn) == arrows
    inside = numbers(drawn, "x1") + numbers(drawn, "x2")
    assert min(inside) >= numbers(drawn, "x1")[0]
    assert max(inside) <= numbers(drawn, "x1")[4]


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("test loss of a over that of b, one", "a vs. b, one"),
        ("loss of a over that of b", "a vs. b"),
        ("test loss with a over that at c, two", "with a vs. at c, two"),
        ("passes of a over that of b", "passes of a over that of b"),
    ],
)
def test_comparisons_of_losses_are_shortened(label, expected):
    assert forest.words(label) == expected


def test_the_page_in_a_book(own):
    """The directive makes sections, and its badges lead to the ledger."""
    study = synthetic.finished(own)
    entries = [toy.CLAIM]
    for claim in claims(study):
        parts = {k: v for k, v in asdict(claim).items() if v and k != "notebook"}
        for e in parts["expect"]:
            for name in [k for k, v in e.items() if v is None]:
                del e[name]
        entries.append(parts)
    (own / "book" / "claims" / "toy.yml").write_text(json.dumps(entries), "utf-8")
    path_of(own / "book", QUESTIONS)
    records = output_of("double", 4, atol=0), output_of("shifted", 2.5, rtol=1e-6)
    tree, run = built(own, executed(own, *records))
    assert run.returncode == 0, sphinx.failure(tree, run)
    html = (tree / "_build" / "html" / "book" / "effects.html").read_text("utf-8")
    assert html.count('<section id="is-a-better">') == 1
    assert html.count('<table class="forest table">') == 2
    assert html.count('<table class="forest differences table">') == 1
    assert html.count('href="claims.html#claim-alike"') == 4
