"""The ledger: what is claimed, what was measured, and whether the two agree.

An entry of book/claims.yml states what a claim predicts (`expect`) and where we say
it stops (`limits`), each with its reason. The verdict follows from the records:

    every expect holds, no limits         reproduced
    every expect and every limit holds    qualified
    an expect fails                       not reproduced
    a record is missing                   not testable here
    parameters outside valid_for          not judged
    a notebook that failed                not judged
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import yaml

from ssmlib.companion.parameters import parameters
from ssmlib.companion.records import node_records

VERDICTS = ("reproduced", "qualified", "not reproduced", "not testable here")
SOURCES = (
    "abstract",
    "public review",
    "authors' code",
    "cited by another paper",
    "summary",
    "our reading",
)
SCALES = ("exact", "reduced", "paper")
_FIELDS = {"id", "paper", "where", "source", "says", "notebook", "expect", "scale"}
_FIELDS |= {"verdict", "why"}
_OPTIONAL = {"limits", "valid_for", "url", "date"}


@dataclass(frozen=True)
class Expectation:
    """A statement about records: a range, a value with a tolerance, or an order."""

    keys: tuple[str, ...]
    low: float
    high: float
    because: str

    def holds(self, values: Mapping[str, float]) -> bool:
        if len(self.keys) == 1:
            return self.low <= values[self.keys[0]] <= self.high
        ordered = [values[key] for key in self.keys]
        return all(a < b for a, b in pairwise(ordered))

    @property
    def predicts(self) -> str:
        if len(self.keys) > 1:
            return " < ".join(f"`{key}`" for key in self.keys)
        if self.low == self.high:
            return f"`{self.keys[0]}` = {self.low:.6g}"
        return f"`{self.keys[0]}` in [{self.low:.6g}, {self.high:.6g}]"


@dataclass(frozen=True)
class Claim:
    id: str
    paper: str
    where: str
    source: str
    says: str
    notebook: str
    expect: tuple[Expectation, ...]
    scale: str
    verdict: str
    why: str
    limits: tuple[Expectation, ...] = ()
    valid_for: dict[str, tuple[float, float]] = field(default_factory=dict)
    url: str | None = None
    date: str | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(k for e in (*self.expect, *self.limits) for k in e.keys)


def _expectation(entry: dict, where: str) -> Expectation:
    because = entry.get("because")
    if not because:
        raise ValueError(f"{where}: an expectation must say `because`")
    form = set(entry) - {"because"}
    try:
        if form == {"order"} and len(entry["order"]) > 1:
            return Expectation(tuple(entry["order"]), 0.0, 0.0, because)
        if form == {"key", "between"}:
            low, high = map(float, entry["between"])
            if low <= high:
                return Expectation((entry["key"],), low, high, because)
        if form in ({"key", "value", "atol"}, {"key", "value", "rtol"}):
            value = float(entry["value"])
            slack = float(entry.get("atol", abs(value) * float(entry.get("rtol", 0))))
            if slack >= 0:
                return Expectation(
                    (entry["key"],), value - slack, value + slack, because
                )
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where}: numbers only, got {entry}") from error
    raise ValueError(
        f"{where}: an expectation is {{key, between: [a, b]}}, {{key, value, atol or "
        f"rtol}} or {{order: [k1, k2, ...]}}, got {entry}"
    )


def _claim(entry: dict, number: int) -> Claim:
    where = f"claim {entry.get('id', number)}"
    missing, unknown = _FIELDS - set(entry), set(entry) - _FIELDS - _OPTIONAL
    if missing or unknown:
        raise ValueError(
            f"{where}: fields missing {sorted(missing)}, unknown {sorted(unknown)}"
        )
    allowed = {"verdict": VERDICTS, "source": SOURCES, "scale": SCALES}
    for name, values in allowed.items():
        if entry[name] not in values:
            raise ValueError(
                f"{where}: {name} must be one of {', '.join(values)}, "
                f"got {entry[name]!r}"
            )
    if entry["source"] != "our reading" and not (
        entry.get("url") and entry.get("date")
    ):
        raise ValueError(f"{where}: source {entry['source']!r} needs url and date")
    parts = {
        part: tuple(_expectation(e, where) for e in entry.get(part) or ())
        for part in ("expect", "limits")
    }
    if not parts["expect"]:
        raise ValueError(f"{where}: expect must hold at least one expectation")
    valid = {
        k: (float(a), float(b)) for k, (a, b) in entry.get("valid_for", {}).items()
    }
    date = str(entry["date"]) if "date" in entry else None
    return Claim(**(entry | parts | {"valid_for": valid, "date": date}))


def load(path: str | Path) -> list[Claim]:
    """The ledger, checked. Raises ValueError that names the claim and the field."""
    try:
        entries = yaml.safe_load(Path(path).read_text())
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not YAML: {error}") from error
    if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        raise ValueError(f"{path} must be a list of claims")
    found = [_claim(entry, number) for number, entry in enumerate(entries)]
    ids = [claim.id for claim in found]
    twice = {i for i in ids if ids.count(i) > 1}
    if twice:
        raise ValueError(f"{path}: claim ids must be unique, repeated: {sorted(twice)}")
    return found


def verdict(claim: Claim, values: Mapping[str, float]) -> str:
    """What the records say of a claim.

    Raises ValueError for a key that is not recorded, unless the ledger itself says
    that the claim is not testable here.
    """
    absent = [key for key in claim.keys if key not in values]
    if absent and claim.verdict == "not testable here":
        return claim.verdict
    if absent:
        raise ValueError(
            f"claim {claim.id}: {claim.notebook} records no {', '.join(absent)}"
        )
    if not all(e.holds(values) for e in claim.expect):
        return "not reproduced"
    if not claim.limits:
        return "reproduced"
    if all(e.holds(values) for e in claim.limits):
        return "qualified"
    return "limits do not hold"


@dataclass(frozen=True)
class Judgement:
    claim: Claim
    found: str
    values: dict[str, float]
    reason: str | None = None  # why it was not judged

    @property
    def stands(self) -> bool:
        return self.found in (self.claim.verdict, "not judged")


def judge(ledger: list[Claim], notebooks: str | Path) -> list[Judgement]:
    """Every claim against the records of the executed notebooks in a folder.

    Raises ValueError for a claim whose notebook is missing or was not executed, or
    whose key the notebook does not record.
    """
    folder = Path(notebooks)
    seen: dict[str, tuple[dict, dict] | None] = {}  # notebook: (records, parameters)
    judged = []
    for claim in ledger:
        path = folder / f"{claim.notebook}.ipynb"
        if not path.is_file():
            raise ValueError(f"claim {claim.id}: there is no notebook {path}")
        if claim.notebook not in seen:
            seen[claim.notebook] = _ran(path)
        judged.append(_judge(claim, seen[claim.notebook]))
    return judged


def _ran(path: Path) -> tuple[dict, dict] | None:
    """Records and parameters of a notebook; None for one that a build marks failed."""
    import nbformat

    notebook = nbformat.read(path, 4)
    if "failed" in notebook.metadata:
        return None
    found = node_records(notebook, path)
    return {key: record.value for key, record in found.items()}, parameters(path)


def _judge(claim: Claim, ran: tuple[dict, dict] | None) -> Judgement:
    if ran is None:
        return Judgement(claim, "not judged", {}, f"{claim.notebook} failed")
    values, ran_with = ran
    for name in claim.valid_for:
        if name not in ran_with:
            raise ValueError(f"claim {claim.id}: valid_for names no parameter {name}")
    outside = [
        f"{name} = {ran_with[name]} is not in [{low:g}, {high:g}]"
        for name, (low, high) in claim.valid_for.items()
        if not low <= ran_with[name] <= high
    ]
    found = "not judged" if outside else verdict(claim, values)
    shown = {k: values[k] for k in claim.keys if k in values}
    return Judgement(claim, found, shown, ", ".join(outside) or None)


def executed_in(ledger: list[Claim], place: str | Path) -> tuple[list[Claim], Path]:
    """The claims that a place can answer, and the folder of its notebooks.

    place: a folder of executed notebooks, a rebuilt book, or one run (or its page),
    which answers the claims of its own notebook only. Raises ValueError for others.
    """
    place = Path(place)
    place = place.parent if place.suffix == ".html" else place
    if (place / "run.json").is_file():
        stems = {path.stem for path in place.glob("*.ipynb")}
        return [claim for claim in ledger if claim.notebook in stems], place
    if (place / "failed.json").is_file():
        raise ValueError(f"the run in {place} failed: there is nothing to judge")
    for folder in (place, place / "book" / "notebooks"):
        if any(folder.glob("*.ipynb")):
            return ledger, folder
    raise ValueError(f"{place} is no run, no rebuilt book and no folder of notebooks")
