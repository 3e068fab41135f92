"""claims.json: the ledger as one build of the book judged it, and its JSON schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from ssmbook.ledger.entries import JudgedOn, Kind, Scale, Source, Verdict
from ssmbook.ledger.expectations import Expectation
from ssmbook.ledger.verdicts import Judgement
from ssmbook.notebook.glue import paste_own
from ssmbook.notebook.recorded import Record

Number = int | float


def _about(says: str) -> Any:
    return Field(description=says)


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Measured(_Closed):
    """A record."""

    value: Number
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


class JudgedClaim(_Closed):
    """A claim and its verdict."""

    claim: Annotated[
        str, _about("its name; its entry is book/claims.html#claim-<name>")
    ]
    kind: Annotated[
        Kind, _about("of a paper; of this book; a formula that checks its code")
    ]
    says: Annotated[str, _about("what is claimed, in our words")]
    paper: Annotated[
        str | None, _about("the paper's key in references.bib; null: this book's")
    ]
    where: Annotated[str, _about("where in the paper")]
    source: Annotated[Source, _about("how we know that the paper says it")]
    url: Annotated[str | None, _about("where we saw it")]
    seen: Annotated[str | None, _about("when, year and month")]
    chapter: Annotated[str, _about("the chapter that measures it")]
    judged_on: Annotated[JudgedOn, _about("the chapter's page, or its longer run")]
    scale: Scale
    valid_for: Annotated[
        dict[str, tuple[Number, Number]],
        _about("range of each parameter outside of which it is not judged"),
    ]
    verdict: Annotated[
        Verdict | Literal["not judged", "limits do not hold"], _about("of this build")
    ]
    ledger: Annotated[Verdict, _about("of the stored ledger")]
    expect: Annotated[list[Prediction], Field(min_length=1)]
    limits: Annotated[list[Prediction], _about("where the claim stops")]
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
    values = {key: record.value for key, record in judgement.records.items()}
    return paste_own(judgement.claim.why, values)


def _measured(e: Expectation, records: Mapping[str, Record]) -> dict[str, dict]:
    known = {key: records[key] for key in e.keys if key in records}
    return {
        key: {"value": r.value} | ({"se": r.se} if r.se else {})
        for key, r in known.items()
    }


def as_data(judged: Sequence[Judgement]) -> list[dict]:
    """Return the content of claims.json, one object per claim."""
    found = []
    for j in judged:
        claim, n = j.claim, len(j.claim.expect)
        states = j.states or (None,) * len(claim.predictions)
        made = [
            {
                "predicts": e.predicts.replace("`", ""),
                "because": e.because,
                "state": state,
                "measured": _measured(e, j.records),
            }
            for e, state in zip(claim.predictions, states, strict=True)
        ]
        found.append(
            {
                "claim": claim.id,
                "kind": claim.kind,
                "says": claim.says,
                "paper": None if claim.paper == "companion" else claim.paper,
                "where": claim.where,
                "source": claim.source,
                "url": claim.url,
                "seen": claim.date,
                "chapter": claim.notebook,
                "judged_on": claim.judged_on,
                "scale": claim.scale,
                "valid_for": claim.valid_for,
                "verdict": j.verdict,
                "ledger": claim.verdict,
                "expect": made[:n],
                "limits": made[n:],
                "why": why(j),
                "registered": [{"because": None} | vars(v) for v in claim.versions],
                "values": j.values,
            }
        )
    checked = _FILE.validate_python(found)
    return _FILE.dump_python(checked, mode="json", exclude_unset=True)
