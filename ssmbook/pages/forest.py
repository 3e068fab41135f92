"""The page of all trained comparisons: each effect of a study on one axis of ratios.

book/effects.yml lists the questions in the order of the page, and the claims that
answer each:

    - question: Which timescale?
      claims: [rule-at-growing-length, one-power-serves-all-inputs]
    - question: Do the models learn?
      baselines: [mean, linear]     # arms; comparisons with them are all listed here

Every claim that is evaluated on a study is listed once. The effects are those of the
ledger. Differences, which have no place on an axis of ratios, are in a table at the
end.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from ssmbook.ledger.verdicts import Judgement
from ssmbook.notebook import strict_yaml
from ssmbook.notebook.checked import Text, checked, said
from ssmbook.notebook.files import shown
from ssmbook.studies.estimates import Effect
from ssmbook.studies.parts import Measured

#: the largest ratio of the axis, whose smallest is its inverse
MOST = 4.0
_TICKS = (0.25, 0.5, 1.0, 2.0, 4.0)
_HEIGHT = 24  # px, of a drawing
_MARGIN = 7.0  # percent of a drawing, on each side of the axis
_LOSSES = re.compile(r"(?:test )?loss (?:of )?(.+?) over that (?:of )?(.+)")


@checked
class Question:
    """A question that trained comparisons answer.

    Attributes:
        question: the heading of its table.
        claims: the ids of the claims whose comparisons the table has.
        baselines: arms. All comparisons with one of them are in this table.
    """

    question: Text
    claims: tuple[Text, ...] = ()
    baselines: tuple[Text, ...] = ()


@dataclass
class Row:
    """A comparison, and the claims that predict it.

    Attributes:
        effect: the pooled estimate.
        predicted: by the id of a claim, the ranges that it predicts, and of each
            whether it holds.
    """

    effect: Effect
    predicted: dict[str, list[str]] = field(default_factory=dict)


_question = TypeAdapter(Question).validate_python


def read(path: Path) -> tuple[Question, ...]:
    """Return the questions of a book.

    Raises:
        ValueError: for a bad entry, or a question, a claim or an arm that is listed
            twice: the file, the field and the value.
    """
    entries = strict_yaml.load(path)
    if not isinstance(entries, list):
        raise ValueError(f"{path} must be a list of questions, got {shown(entries)}")
    found = []
    for number, entry in enumerate(entries, start=1):
        try:
            found.append(_question(entry))
        except ValidationError as error:
            raise ValueError(f"{path}, entry {number}: {said(error)}") from None
    for what, listed in (
        ("question", [q.question for q in found]),
        ("claim", [claim for q in found for claim in q.claims]),
        ("arm", [arm for q in found for arm in q.baselines]),
    ):
        if twice := [name for name in listed if listed.count(name) > 1]:
            raise ValueError(f"{path} lists the {what} {twice[0]} twice")
    return tuple(found)


def rows(
    path: Path, judged: Sequence[Judgement], trained: Mapping[str, Measured]
) -> dict[str, list[Row]]:
    """Return the comparisons that answer each question, in the order of the effects.

    A book without the file has none.

    Args:
        path: the file of the questions.
        judged: the claims as judged on the studies.
        trained: the studies.

    Raises:
        ValueError: as `read`, or if the file lists a claim or an arm that no study has,
            or does not list a claim that is evaluated on a study.
    """
    if not path.is_file():
        return {}
    questions = read(path)
    on_study = {j.claim.id: j for j in judged if j.claim.measured_by}
    place = {claim: q.question for q in questions for claim in q.claims}
    if unknown := [claim for claim in place if claim not in on_study]:
        raise ValueError(
            f"{path} lists {unknown[0]}, which is no claim that is evaluated on a study"
        )
    if missing := [claim for claim in on_study if claim not in place]:
        raise ValueError(
            f"{path} does not list the claim {missing[0]}, which is evaluated on a "
            "study: add it to the claims of a question"
        )
    against = {arm: q.question for q in questions for arm in q.baselines}
    known = {
        contrast.arms[1]
        for study in trained.values()
        for contrast in study.study.contrasts.values()
    }
    if unused := [arm for arm in against if arm not in known]:
        raise ValueError(
            f"{path}: no study compares an arm with the baseline {unused[0]}"
        )
    found: dict[str, dict[tuple[str, str], Row]] = {q.question: {} for q in questions}
    for claim, j in on_study.items():
        study = str(j.claim.measured_by)
        if not j.effects:
            continue
        for e, state in zip(j.claim.predictions, j.states, strict=True):
            (key,) = e.keys
            arms = trained[study].study.contrasts[key].arms
            own = found[against.get(arms[1], place[claim])]
            row = own.setdefault((study, key), Row(j.effects[key]))
            text = f"{e.predicted}: {state}"
            if state == "holds" and j.verdict == "not reproduced":
                text += " (another prediction of the claim failed)"
            row.predicted.setdefault(claim, []).append(text)
    return {
        question: sorted(own.values(), key=lambda row: row.effect.value)
        for question, own in found.items()
    }


def part(
    path: Path, judged: Sequence[Judgement], trained: Mapping[str, Measured]
) -> str:
    """Return the tables of all questions, Markdown; errors as of `rows`."""
    lines, differences = [], []
    for question, own in rows(path, judged, trained).items():
        ratios = [row for row in own if row.effect.kind == "ratio"]
        differences += [row for row in own if row.effect.kind == "difference"]
        if ratios:
            heads = ["comparison", f"ratio {_axis()}", "95 % interval", "n"]
            lines += [f"## {question}", "", *_table("forest", heads, ratios)]
    if differences:
        heads = ["comparison", "difference, 95 % interval", "n"]
        lines += ["## Differences that are no ratio", ""]
        lines += _table("forest differences", heads, differences)
    others = [
        f"[{j.claim.id}](claim-{j.claim.id})"
        for j in judged
        if j.claim.evidence == "training" and not j.effects
    ]
    if others:
        lines += ["## Claims without a complete study", ""]
        lines += [
            f"The numbers of these claims are in the ledger: {', '.join(others)}."
        ]
    return "\n".join([*lines, ""])


def _table(kind: str, heads: Sequence[str], own: Sequence[Row]) -> list[str]:
    heads = [*heads, "predicted, verdict on the claim"]
    lines = [":::{table}", f":class: {kind}", "", f"| {' | '.join(heads)} |"]
    lines += ["|" + "---|" * len(heads)]
    for row in own:
        cells = [words(row.effect.label).replace("|", r"\|")]
        if row.effect.kind == "ratio":
            cells.append(drawing(row.effect))
        value, low, high = row.effect.numbers
        cells += [f"{value} ({low} to {high})", f"{row.effect.n} {row.effect.unit}"]
        badges = (f"{', '.join(p)} {{claim}}`{id}`" for id, p in row.predicted.items())
        cells.append("<br>".join(badges))
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, ":::", ""]


def words(label: str) -> str:
    """Return a comparison in fewer words, if it is one of losses."""
    match = _LOSSES.fullmatch(label)
    return f"{match[1]} vs. {match[2]}" if match else label


def _x(ratio: float) -> float:
    """The place of a ratio in a drawing, in percent of its width."""
    return 50 + (50 - _MARGIN) * math.log(ratio) / math.log(MOST)


def _svg(*parts: str) -> str:
    """A drawing as wide as its cell; the numbers in the next cell say the same."""
    inner = "".join(parts)
    return f'<svg aria-hidden="true" width="100%" height="{_HEIGHT}">{inner}</svg>'


def _axis() -> str:
    """The ticks of the axis, for the head of the table."""
    return _svg(*(f'<text x="{_x(r):.1f}%" y="17">{r:g}</text>' for r in _TICKS))


def drawing(effect: Effect) -> str:
    """Return the interval of a ratio on the axis, SVG in one line.

    A part beyond the axis is left out, and an arrow at the end of the axis shows it.
    """
    y = _HEIGHT // 2
    parts = [
        f'<line class="{"one" if ratio == 1 else "tick"}" x1="{_x(ratio):.1f}%" '
        f'x2="{_x(ratio):.1f}%" y1="-999" y2="999"/>'
        for ratio in _TICKS
    ]
    low, high = effect.ends
    ends = max(low, 1 / MOST), min(high, MOST)
    if ends[0] <= ends[1]:
        first, last = map(_x, ends)
        parts.append(f'<line x1="{first:.2f}%" x2="{last:.2f}%" y1="{y}" y2="{y}"/>')
    if 1 / MOST <= effect.value <= MOST:
        parts.append(f'<circle cx="{_x(effect.value):.2f}%" cy="{y}" r="3"/>')
    for beyond, end, tip in ((low < 1 / MOST, 1 / MOST, -9), (high > MOST, MOST, 9)):
        if beyond:
            # Inside an svg of its own, since a path has no lengths in percent.
            parts.append(
                f'<svg class="beyond" x="{_x(end):.1f}%" y="{y}">'
                f'<path d="M0-5L{tip} 0L0 5z"/></svg>'
            )
    return _svg(*parts)
