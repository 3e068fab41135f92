"""Verdicts on claims about trained models, from the parts of their study.

A claim is evaluated once, when every seed that its study states is measured, on the
estimates pooled over all parts. `decision` says how its parts decide it.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ssmbook.ledger.decision import Decision, Part, decide
from ssmbook.ledger.entries import Claim
from ssmbook.ledger.expectations import Expectation
from ssmbook.studies.design import BASE, UNTRAINED
from ssmbook.studies.estimates import Effect, effects
from ssmbook.studies.parts import Measured


@dataclass(frozen=True)
class Outcome:
    """What a study says of a claim.

    Attributes:
        verdict: as in the ledger.
        states: of its expectations, then of its limits.
        reason: why it is not evaluated yet; None where it is.
    """

    verdict: str
    states: tuple[str, ...] = ()
    reason: str | None = None


def claim_hash(claim: Claim, study: Measured) -> str:
    """Return 12 hex digits of what a claim predicts, and of what is measured for it.

    They cover the predictions, the ranges of `valid_for`, the contrasts, the
    parameters and the seeds.

    Raises:
        ValueError: for a contrast that the study does not have.
    """
    known = study.study.contrasts
    if unknown := [key for key in claim.keys if key not in known]:
        raise ValueError(
            f"claim {claim.id}: the study {claim.measured_by} has no contrast "
            f"{', '.join(unknown)}; it has {', '.join(known)}"
        )
    content = {
        "expect": [[list(e.keys), *e.ends] for e in claim.expect],
        "limits": [[list(e.keys), *e.ends] for e in claim.limits],
        "valid_for": claim.valid_for,
    } | study.study.stated(claim.keys)
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def words_hash(says: str) -> str:
    """Return 8 hex digits of the wording of a claim."""
    return hashlib.sha256(" ".join(says.split()).encode()).hexdigest()[:8]


def check_registered(claim: Claim, study: Measured | None) -> None:
    """Raise ValueError unless a claim is registered as it stands."""
    if study is None:
        raise ValueError(
            f"claim {claim.id} is evaluated on a study, and there is no "
            f"studies/{claim.measured_by}/study.yml"
        )
    if claim.null or claim.reruns:
        raise ValueError(
            f"claim {claim.id}: a study measures its null itself and pools its runs; "
            "leave null and reruns out"
        )
    own, words = claim_hash(claim, study), words_hash(claim.says)
    last = claim.versions[-1] if claim.versions else None
    if last is None or last.hash != own:
        raise ValueError(
            f"claim {claim.id}: its predictions or their measurement are not those "
            f"registered: add a line to history with hash: {own}, words: {words}, the "
            "date and the reason"
        )
    if last.words != words:
        raise ValueError(
            f"claim {claim.id}: its wording is not the one registered: add a line to "
            f"history with hash: {own}, words: {words}, the date and the reason"
        )


def outcomes(
    claims: Sequence[Claim], study: Measured
) -> tuple[dict[str, Outcome], dict[str, Effect]]:
    """Return the outcome of each claim on a study, by id, and the effects.

    Args:
        claims: all claims that are evaluated on the study.
        study: the study.

    Raises:
        ValueError: if two claims predict the same, or if a claim holds without
            training as well.
    """
    if not study.looks:
        n, done = len(study.study.designs[BASE].all_seeds), study.count(BASE)
        reason = f"{done} of {n} seeds are measured"
        decide_copies(claims)
        return {c.id: Outcome("undecided", reason=reason) for c in claims}, {}
    found = effects(study)
    decided = _decided(claims, found, study.looks)
    if UNTRAINED in study.study.designs and not study.missing(UNTRAINED):
        _refuse_untrained(claims, study)
    return decided, found


def decide_copies(claims: Sequence[Claim]) -> None:
    """Raise ValueError where two claims of a chapter make the same prediction."""
    decide(
        {
            claim.id: [Part(e.keys[0], 0, 0, 1, *e.ends) for e in claim.predictions]
            for claim in claims
        }
    )


def _decided(
    claims: Sequence[Claim], found: Mapping[str, Effect], looks: int = 1
) -> dict[str, Outcome]:
    expected = decide({c.id: as_parts(c.expect, found) for c in claims}, looks)
    limited = {c.id: as_parts(c.limits, found) for c in claims if c.limits}
    limits = decide(limited, looks)
    return {
        claim.id: Outcome(
            _verdict(expected[claim.id], limits.get(claim.id)),
            expected[claim.id].parts + (limits[claim.id].parts if claim.limits else ()),
        )
        for claim in claims
    }


def _verdict(expect: Decision, limits: Decision | None) -> str:
    if expect.state == "fails":
        return "not reproduced"
    if expect.state == "open" or (limits and limits.state == "open"):
        return "undecided"
    if limits is None:
        return "reproduced"
    return "qualified" if limits.state == "holds" else "limits do not hold"


def as_parts(
    expectations: Sequence[Expectation], found: Mapping[str, Effect]
) -> list[Part]:
    """Return the parts of a claim: the effects, and the ranges predicted for them."""
    parts = []
    for e in expectations:
        (key,) = e.keys
        own = found[key]
        low, high = e.ends
        if own.kind == "ratio":
            low, high = (math.log(end) if end > 0 else -math.inf for end in e.ends)
        p = own.pooled
        parts.append(Part(key, p.value, p.se, p.freedom, low, high, p.skew))
    return parts


def _refuse_untrained(claims: Sequence[Claim], study: Measured) -> None:
    """Raise ValueError for a claim that holds where nothing was trained."""
    found = effects(study, UNTRAINED)
    passed = [
        id
        for id, outcome in _decided(claims, found).items()
        if outcome.verdict in ("reproduced", "qualified")
    ]
    if passed:
        raise ValueError(
            f"study {study.study.name}: {', '.join(passed)} would hold with a "
            "learning rate of zero as well, so that training is no evidence for it: "
            "add the prediction that the model learns"
        )
