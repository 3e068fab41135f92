"""The ledger: what is claimed, what was measured, and whether the two agree.

An entry of book/claims/<chapter>.yml states what a claim predicts (`expect`) and where
we say it stops (`limits`), each with its reason. The verdict follows from the records:

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

from ssmbook.book.chapters import chapters
from ssmbook.notebook.glue import node_records
from ssmbook.notebook.parameters import parameters

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
_FIELDS = {"id", "paper", "where", "source", "says", "expect", "scale"}
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
        """Whether the records are as predicted."""
        if len(self.keys) == 1:
            return self.low <= values[self.keys[0]] <= self.high
        ordered = [values[key] for key in self.keys]
        return all(a < b for a, b in pairwise(ordered))

    @property
    def predicts(self) -> str:
        """The statement, Markdown."""
        if len(self.keys) > 1:
            return " < ".join(f"`{key}`" for key in self.keys)
        if self.low == self.high:
            return f"`{self.keys[0]}` = {self.low:.6g}"
        return f"`{self.keys[0]}` in [{self.low:.6g}, {self.high:.6g}]"


@dataclass(frozen=True)
class Claim:
    """An entry of the ledger; CONTRIBUTING.md and the page How to read say of what.

    notebook: the chapter that measures it. expect, limits: what it predicts, and where
    it stops. valid_for: parameter -> range that it was derived for.
    """

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
        """The records that it reads."""
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


def _claim(entry: dict, notebook: str) -> Claim:
    where = f"claim {entry.get('id', 'without id')} of {notebook}"
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
    own = {"notebook": notebook, "valid_for": valid, "date": date}
    return Claim(**(entry | parts | own))


def load(root: Path) -> list[Claim]:
    """The ledger of a repository, checked, in the order of its chapters.

    Raises ValueError that names the claim and the field, or a file of no chapter.
    """
    folder = root / "book" / "claims"
    slugs = [*chapters(root)]
    files = {path.stem: path for path in sorted(folder.glob("*.yml"))}
    if unknown := set(files) - set(slugs):
        raise ValueError(f"{folder}: no chapter is called {', '.join(sorted(unknown))}")
    ledger = [c for slug in slugs if slug in files for c in read(files[slug])]
    ids = [claim.id for claim in ledger]
    repeated = {i for i in ids if ids.count(i) > 1}
    if repeated:
        raise ValueError(f"{folder}: claim ids must be unique, got {sorted(repeated)}")
    return ledger


def read(path: Path) -> list[Claim]:
    """The claims of one chapter, whose slug is the file's name; errors as `load`."""
    try:
        entries = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not YAML: {error}") from error
    if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        raise ValueError(f"{path} must be a list of claims")
    return [_claim(entry, path.stem) for entry in entries]


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
    """A claim, what the records say of it, and all records of its notebook.

    reason: why it was not judged.
    """

    claim: Claim
    verdict: str
    records: dict[str, float]
    reason: str | None = None

    @property
    def agrees(self) -> bool:
        """Whether the ledger says the same, or nothing was judged."""
        return self.verdict in (self.claim.verdict, "not judged")

    @property
    def values(self) -> dict[str, float]:
        """The records that the claim reads."""
        return {k: self.records[k] for k in self.claim.keys if k in self.records}


def judge(ledger: list[Claim], notebooks: Mapping[str, Path]) -> list[Judgement]:
    """Every claim against the records of executed notebooks, given by slug.

    Raises ValueError for a claim whose notebook is missing or was not executed, or
    whose key the notebook does not record.
    """
    ran: dict[str, tuple[dict, dict] | None] = {}  # slug: (records, parameters)
    judged = []
    for claim in ledger:
        if claim.notebook not in notebooks:
            raise ValueError(f"claim {claim.id}: there is no notebook {claim.notebook}")
        if claim.notebook not in ran:
            ran[claim.notebook] = _ran(notebooks[claim.notebook])
        judged.append(_judge(claim, ran[claim.notebook]))
    return judged


def _ran(path: Path) -> tuple[dict, dict] | None:
    """Records and parameters of a notebook; None for one that a build marks failed."""
    import nbformat

    notebook = nbformat.read(path, 4)
    if "failed" in notebook.metadata:
        return None
    records = node_records(notebook, path)
    return {key: record.value for key, record in records.items()}, parameters(path)


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
    result = "not judged" if outside else verdict(claim, values)
    return Judgement(claim, result, values, ", ".join(outside) or None)


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
