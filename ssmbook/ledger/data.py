"""claims.json: the ledger as one build of the book judged it, and its JSON schema."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from ssmbook.ledger.entries import (
    Evidence,
    JudgedOn,
    Kind,
    Scale,
    Source,
    Verdict,
    Version,
)
from ssmbook.ledger.expectations import Expectation
from ssmbook.ledger.verdicts import Judgement
from ssmbook.notebook.glue import paste_own
from ssmbook.studies.estimates import Effect

Number = int | float


def _about(says: str) -> Any:
    return Field(description=says)


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Measured(_Closed):
    """A record."""

    value: Number
    interval: Annotated[
        tuple[Number, Number],
        _about("95 % interval of a ratio or difference over seeds or tasks"),
    ] = cast(Any, None)
    n: Annotated[int, _about("number of seeds, or of tasks")] = cast(Any, None)
    # Left out of a record that has none, never null.
    se: Annotated[Number, _about("standard error of the mean")] = cast(Any, None)


class Prediction(_Closed):
    """What a claim predicts of its records, and what was measured."""

    predicts: str
    because: Annotated[str, _about("the formula, source or chosen margin behind it")]
    state: Literal["holds", "fails", "open", "missing"] | None
    measured: dict[str, Measured]


class Registration(_Closed):
    """The day and the hash of predictions, and the reason of a change."""

    date: str
    hash: str
    because: str | None
    words: Annotated[str, _about("the hash of the wording")] = cast(Any, None)
    after: Annotated[bool, _about("whether the measurement had been seen")] = False


class Published(_Closed):
    """A published figure beside a claim."""

    says: str
    agrees: bool
    url: str
    date: str


class JudgedClaim(_Closed):
    """A claim and its verdict."""

    claim: Annotated[
        str, _about("its name; its entry is book/claims.html#claim-<name>")
    ]
    kind: Annotated[Kind, _about("a paper's sentence, a reviewer's, or this book's")]
    evidence: Annotated[
        Evidence,
        _about("an identity fails only by a bug; a measurement trains no model"),
    ]
    says: Annotated[str, _about("what is claimed, in our words")]
    paper: Annotated[
        str | None, _about("the paper's key in references.bib; null: of no paper")
    ]
    where: Annotated[str, _about("where in the paper")]
    source: Annotated[Source, _about("how we know that the paper says it")]
    url: Annotated[str | None, _about("where we saw it")]
    seen: Annotated[str | None, _about("when, year and month")]
    chapter: Annotated[str, _about("the chapter that measures it")]
    judged_on: Annotated[JudgedOn, _about("the chapter's page, or its longer run")]
    study: Annotated[str | None, _about("the study that it is evaluated on, or null")]
    scale: Scale
    valid_for: Annotated[
        dict[str, tuple[Number, Number]],
        _about("range of each parameter outside of which it is not judged"),
    ]
    verdict: Annotated[
        Verdict | Literal["not judged", "limits do not hold", "open"],
        _about("of this build; open if a claim that it requires does not hold"),
    ]
    alone: Annotated[
        Verdict | Literal["not judged", "limits do not hold"],
        _about("the verdict of this build on its own records"),
    ]
    requires: Annotated[list[str], _about("the claims that it rests on")]
    fallen: Annotated[
        dict[str, str], _about("those of them that do not hold, with their verdict")
    ]
    ledger: Annotated[Verdict, _about("of the stored ledger")]
    expect: Annotated[list[Prediction], Field(min_length=1)]
    limits: Annotated[list[Prediction], _about("where the claim stops")]
    regions: Annotated[
        dict[str, dict[str, Measured]],
        _about("what was measured in other settings, by setting and comparison"),
    ]
    elsewhere: Annotated[list[Published], _about("published figures at full scale")]
    why: Annotated[str, _about("the reason for the ledger's verdict")]
    registered: Annotated[
        list[Registration], _about("the predictions' first day, each change")
    ]
    values: Annotated[dict[str, Number], _about("every record that it reads")]


_FILE = TypeAdapter(list[JudgedClaim])


def schema() -> dict:
    """Return the JSON schema of claims.json."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "claims.json: the ledger as one build of the book judged it",
    } | _FILE.json_schema()


def why(judgement: Judgement) -> str:
    """Return the reason for the ledger's verdict, with the records that it pastes."""
    values: dict[str, int | float | str]
    values = {key: record.value for key, record in judgement.records.items()}
    values |= {key: own.text for key, own in judgement.effects.items()}
    return paste_own(judgement.claim.why.replace("{effect}", "{glue:text}"), values)


def _measured(e: Expectation, j: Judgement) -> dict[str, dict]:
    pooled = {key: j.effects[key] for key in e.keys if key in j.effects}
    known = {key: j.records[key] for key in e.keys if key in j.records}
    return {key: _pooled(own) for key, own in pooled.items()} | {
        key: {"value": r.value} | ({"se": r.se} if r.se else {})
        for key, r in known.items()
    }


def _pooled(own: Effect) -> dict:
    return {"value": own.value, "interval": own.ends, "n": own.n}


def _version(version: Version) -> dict[str, str | None]:
    parts = {"because": None} | vars(version)
    return {k: v for k, v in parts.items() if v is not None or k != "words"}


def as_data(judged: Sequence[Judgement]) -> list[dict]:
    """Return the content of claims.json, one object per claim."""
    found = []
    for j in judged:
        claim, n = j.claim, len(j.claim.expect)
        states = j.states or (None,) * len(claim.predictions)
        made = [
            {
                "predicts": e.in_full(j.labels).replace("`", ""),
                "because": e.because,
                "state": state,
                "measured": _measured(e, j),
            }
            for e, state in zip(claim.predictions, states, strict=True)
        ]
        found.append(
            {
                "claim": claim.id,
                "kind": claim.kind,
                "evidence": claim.evidence,
                "says": claim.says,
                "paper": None if claim.kind == "companion" else claim.about,
                "where": claim.where,
                "source": claim.source,
                "url": claim.url,
                "seen": claim.date,
                "chapter": claim.notebook,
                "judged_on": claim.judged_on,
                "study": claim.measured_by,
                "scale": claim.scale,
                "valid_for": claim.valid_for,
                "verdict": j.shown,
                "alone": j.verdict,
                "requires": [*claim.requires],
                "fallen": dict(j.fallen),
                "ledger": claim.verdict,
                "expect": made[:n],
                "limits": made[n:],
                "regions": {
                    words: {k: _pooled(own[k]) for k in claim.keys if k in own}
                    for words, own in j.regions.items()
                },
                "elsewhere": [asdict(own) for own in claim.elsewhere],
                "why": why(j),
                "registered": [_version(v) for v in claim.versions],
                "values": j.values,
            }
        )
    checked = _FILE.validate_python(found)
    return _FILE.dump_python(checked, mode="json", exclude_unset=True)
