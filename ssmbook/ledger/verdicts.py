"""Verdicts: what records say of the ledger's claims.

A record without a standard error is as predicted or not. One with it is judged on the
95 % interval of its value, corrected for how many of its chapter's predictions are
judged so (Holm 1979): a prediction holds where all of the interval is as predicted,
fails where none of it is, and is open across the edge. Then

    every expect holds, no limits            reproduced
    every expect and every limit holds       qualified
    an expect fails                          not reproduced
    none fails, one is open                  undecided
    every expect holds, a limit fails        limits do not hold
    every expect holds, a limit is open      undecided
    the ledger counts half its reruns open   undecided, whatever this one says
    a record is missing                      not testable here
    parameters outside valid_for             not judged
    a notebook that failed                   not judged

Pages show a verdict as open if the claim rests on one that fell: `support`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ssmbook.ledger import support
from ssmbook.ledger.entries import Claim
from ssmbook.ledger.expectations import Expectation
from ssmbook.ledger.trained import check_registered, outcomes
from ssmbook.notebook.executed import Executed
from ssmbook.notebook.recorded import Record
from ssmbook.studies.estimates import Effect, effects
from ssmbook.studies.parts import Measured
from ssmbook.studies.student import p_value

LEVEL = 0.95
_PASSED = support.HOLDS
_REFUTED = ("not reproduced", "limits do not hold")


def _p_value(expectation: Expectation, record: Record) -> float:
    """Of the nearest edge of what is predicted, two-sided."""
    assert record.se  # `states` asks for no other
    apart = min(abs(record.value - edge) for edge in expectation.ends)
    return p_value(apart / record.se, record.freedom or 0)


def states(
    expectations: Sequence[Expectation], records: Mapping[str, Record]
) -> list[str]:
    """Of each expectation of a chapter, "holds", "fails" or "open".

    Only those whose records are there; the others are "missing". Raises ValueError
    for an order of figures that have errors: bare means say nothing of one.
    """
    values = {key: record.value for key, record in records.items()}
    found: list[str] = []
    uncertain: dict[int, float] = {}
    for k, e in enumerate(expectations):
        if not all(key in records for key in e.keys):
            found.append("missing")
            continue
        found.append("holds" if e.holds(values) else "fails")
        if not any(records[key].se for key in e.keys):
            continue
        key, *others = e.keys
        if others:
            raise ValueError(
                f"an order of {', '.join(e.keys)}: some have a standard error; record "
                "their difference, and predict that"
            )
        uncertain[k] = _p_value(e, records[key])
    left = len(uncertain)
    for k in sorted(uncertain, key=uncertain.__getitem__):
        if uncertain[k] > (1 - LEVEL) / left:
            found[k] = "open"  # and so are all that follow
        else:
            left -= 1
    return found


def verdict(claim: Claim, expect: Sequence[str], limits: Sequence[str]) -> str:
    """What the states of a claim's expectations and limits make of it.

    Raises ValueError for a record that is missing, unless the ledger itself says
    that the claim is not testable here.
    """
    together = (*expect, *limits)
    if "missing" in together:
        if claim.verdict == "not testable here":
            return claim.verdict
        named = zip(claim.predictions, together, strict=True)
        keys = [k for e, state in named if state == "missing" for k in e.keys]
        raise ValueError(
            f"claim {claim.id}: {claim.notebook} does not record all of "
            f"{', '.join(keys)}"
        )
    half_open = claim.reruns is not None and claim.reruns.half
    if half_open or ("open" in expect and "fails" not in expect):
        return "undecided"
    if "fails" in expect:
        return "not reproduced"
    if "fails" in limits:
        return "limits do not hold"
    if "open" in limits:
        return "undecided"
    return "qualified" if limits else "reproduced"


@dataclass(frozen=True)
class Judgement:
    """A claim, what the records say of it, and all records of its notebook.

    states: of its expectations, then of its limits. reason: why it was not judged.
    effects: the contrasts of the chapter's study. regions: the same of each other
    design that is measured, by the design in words. fallen: the verdict of each claim
    that it requires and that does not hold.
    """

    claim: Claim
    verdict: str
    records: dict[str, Record]
    states: tuple[str, ...] = ()
    reason: str | None = None
    effects: Mapping[str, Effect] = field(default_factory=dict)
    regions: Mapping[str, Mapping[str, Effect]] = field(default_factory=dict)
    fallen: Mapping[str, str] = field(default_factory=dict)

    @property
    def shown(self) -> str:
        """The verdict that pages show: "open" if a claim that it requires fell."""
        return support.OPEN if self.fallen else self.verdict

    @property
    def agrees(self) -> bool:
        """Whether the ledger says the same, or nothing was judged."""
        return self.verdict in (self.claim.verdict, "not judged")

    @property
    def contradicts(self) -> bool:
        """Whether one says that the claim holds, and the other that it fails."""
        both = {self.verdict, self.claim.verdict}
        return bool(both & set(_PASSED)) and bool(both & set(_REFUTED))

    @property
    def labels(self) -> dict[str, str]:
        """The contrasts in words, by their keys."""
        return {key: own.label for key, own in self.effects.items()}

    @property
    def values(self) -> dict[str, float]:
        """The records that the claim reads."""
        known: Mapping[str, Record | Effect] = {**self.records, **self.effects}
        return {k: known[k].value for k in self.claim.keys if k in known}


def judge(
    ledger: list[Claim],
    notebooks: Mapping[str, Executed],
    studies: Mapping[str, Executed] | None = None,
    trained: Mapping[str, Measured] | None = None,
) -> list[Judgement]:
    """Every claim against the records of executed notebooks, given by slug.

    studies: longer runs that carry the claims judged on them; without these, all are
    judged on the notebooks. The claims of a chapter that are judged on the same run
    are corrected for together. trained: the studies in parts; without these, the
    claims that are evaluated on them are not judged. Raises ValueError for a claim
    whose notebook or study is missing or was not executed, or whose key it does not
    record; and as `trained.check_registered` and `trained.outcomes`. A claim that is
    required and not in `ledger` is as if it held: see `supported`.
    """
    judged = {}

    def place(claim: Claim) -> tuple[str, str]:
        if claim.measured_by:
            return claim.measured_by, "study"
        return claim.notebook, claim.judged_on if studies is not None else "notebook"

    for slug, where in dict.fromkeys(map(place, ledger)):
        own = [claim for claim in ledger if place(claim) == (slug, where)]
        if own[0].judged_on == "study":
            judged |= {j.claim.id: j for j in _on_study(own, trained)}
            continue
        known = notebooks if studies is None or where != "deposit" else studies
        if slug not in known:
            raise ValueError(f"claim {own[0].id}: there is no {where} {slug}")
        judged |= {j.claim.id: j for j in _judge(own, known[slug])}
    return supported([judged[claim.id] for claim in ledger], ledger)


def supported(judged: Sequence[Judgement], ledger: Sequence[Claim]) -> list[Judgement]:
    """Return judgements that know which of the claims they require fell.

    ledger: all claims. One that was not judged counts as the ledger has it.
    """
    claims = {c.id: c for c in (*ledger, *(j.claim for j in judged))}
    verdicts = {id: str(claim.verdict) for id, claim in claims.items()}
    verdicts |= {j.claim.id: j.verdict for j in judged if j.verdict != "not judged"}
    needs = {id: [n for n in c.requires if n in claims] for id, c in claims.items()}
    found = support.shown(needs, verdicts)

    def fallen(j: Judgement) -> dict[str, str]:
        if j.verdict == "not judged" or found[j.claim.id] != support.OPEN:
            return {}
        of_it = {name: found[name] for name in needs[j.claim.id]}
        return {n: own for n, own in of_it.items() if own not in support.HOLDS}

    return [replace(j, fallen=fallen(j)) for j in judged]


def _on_study(
    claims: list[Claim], trained: Mapping[str, Measured] | None
) -> list[Judgement]:
    if trained is None:
        reason = "a run does not measure its study again"
        return [Judgement(c, "not judged", {}, reason=reason) for c in claims]
    study = trained.get(str(claims[0].measured_by))
    for claim in claims:
        check_registered(claim, study)
    assert study is not None  # by `check_registered`
    found, pooled = outcomes(claims, study)
    regions = {
        words: effects(study, name)
        for name, words in study.study.regions.items()
        if not study.missing(name)
    }
    return [
        Judgement(c, own.verdict, {}, own.states, own.reason, pooled, regions)
        for c, own in ((claim, found[claim.id]) for claim in claims)
    ]


def _judge(claims: list[Claim], ran: Executed) -> list[Judgement]:
    if ran.failure is not None:
        reason = f"{claims[0].notebook} failed"
        return [Judgement(c, "not judged", {}, reason=reason) for c in claims]
    records = ran.records
    found = iter(states([e for c in claims for e in c.predictions], records))
    judged = []
    for claim in claims:
        own = [next(found) for _ in claim.predictions]
        outside = _outside(claim, ran.parameters)
        n = len(claim.expect)
        result = "not judged" if outside else verdict(claim, own[:n], own[n:])
        judged.append(Judgement(claim, result, records, tuple(own), outside or None))
    return judged


def _outside(claim: Claim, ran_with: dict) -> str:
    """Which parameters lie outside the range a claim is stated for."""
    for name in claim.valid_for:
        if name not in ran_with:
            raise ValueError(f"claim {claim.id}: valid_for names no parameter {name}")
    return ", ".join(
        f"{name} = {ran_with[name]} is not in [{low:g}, {high:g}]"
        for name, (low, high) in claim.valid_for.items()
        if not low <= ran_with[name] <= high
    )


def notebooks_in(folder: Path) -> dict[str, Path]:
    """The notebooks of a folder and of those in it, by slug."""
    paths = [*folder.glob("*.ipynb"), *folder.glob("*/*.ipynb")]
    return {path.stem: path for path in paths}


def answerable(ledger: list[Claim], folder: Path) -> tuple[list[Claim], dict]:
    """The claims that a folder can answer, and its executed notebooks by slug.

    folder: of executed notebooks, of a rebuilt book, or of one run (or its page),
    which answers the claims of its own notebook only. Raises ValueError for others.
    """
    folder = folder.parent if folder.suffix == ".html" else folder
    if (folder / "failed.json").is_file() and not (folder / "run.json").is_file():
        raise ValueError(f"the run in {folder} failed: there is nothing to judge")
    if (folder / "run.json").is_file():
        own = notebooks_in(folder)
        return [claim for claim in ledger if claim.notebook in own], own
    known = {claim.notebook for claim in ledger}
    for inner in (folder / "book" / "notebooks", folder):
        executed = notebooks_in(inner)
        if executed and known <= set(executed):
            return ledger, executed
    raise ValueError(
        f"{folder} is no run, no rebuilt book and no folder of executed notebooks"
    )
