"""The ledger: what is claimed, and what that predicts.

An entry of book/claims/<chapter>.yml states what a claim predicts (`expect`) and where
we say it stops (`limits`), each with its reason; `verdicts.py` says what follows from
the records. An entry judged on training also says

- `null`: what each of its records would be if nothing moved, or one constant served
  all. A claim that such figures pass as well is refused;
- `registered`: the date and the hash of its predictions when they were first written
  down, before their measurement; `history`: a date, the hash after it and the reason
  of each change since. The last hash is that of the entry as it stands.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from ssmbook.book.chapters import chapters
from ssmbook.notebook import strict_yaml

VERDICTS = (
    "reproduced",
    "qualified",
    "undecided",
    "not reproduced",
    "not testable here",
)
SOURCES = (
    "abstract",
    "public review",
    "authors' code",
    "cited by another paper",
    "summary",
    "our reading",
)
SCALES = ("exact", "reduced", "paper")
KINDS = ("paper", "found", "identity")
_FIELDS = {"id", "paper", "where", "source", "says", "expect", "scale"}
_FIELDS |= {"verdict", "why"}
_OPTIONAL = {"limits", "valid_for", "url", "date", "null", "registered", "history"}
_OPTIONAL |= {"judged_on", "reruns"}
JUDGED_ON = ("notebook", "deposit")


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
class Version:
    """An entry's predictions as they stood from a day on, and why they changed."""

    date: str
    hash: str
    because: str | None = None


@dataclass(frozen=True)
class Claim:
    """An entry of the ledger; CONTRIBUTING.md and the page How to read say of what.

    notebook: the chapter that measures it. expect, limits: what it predicts, and where
    it stops. valid_for: parameter -> range that it was derived for. null: record ->
    value without the effect. judged_on: the stored notebook, or the chapter's deposit,
    a longer run. history: as registered, and each change since. reruns: how many runs
    with other seeds, rates and steps there were (`of`), how many of them left it
    `open`, and with what; where half did, it is undecided.
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
    null: dict[str, float] = field(default_factory=dict)
    judged_on: str = "notebook"
    history: tuple[Version, ...] = ()
    reruns: dict = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """Of `KINDS`: an identity is of this book, and measured at no scale."""
        if self.paper != "companion":
            return "paper"
        return "identity" if self.scale == "exact" else "found"

    @property
    def open_in_half(self) -> bool:
        """Whether half of its reruns, or more, left it open."""
        return bool(self.reruns) and 2 * self.reruns["open"] >= self.reruns["of"]

    @property
    def keys(self) -> tuple[str, ...]:
        """The records that it reads."""
        return tuple(k for e in self.predictions for k in e.keys)

    @property
    def predictions(self) -> tuple[Expectation, ...]:
        """expect, then limits."""
        return (*self.expect, *self.limits)

    @property
    def hash(self) -> str:
        """Of what is predicted, `predictions_hash`."""
        return predictions_hash(self.expect, self.limits, self.null)


def predictions_hash(
    expect: Sequence[Expectation],
    limits: Sequence[Expectation],
    null: Mapping[str, float],
) -> str:
    """12 hex digits of what is predicted, of which records, and of the null."""
    parts = {"expect": expect, "limits": limits}
    content = {k: [[list(e.keys), e.low, e.high] for e in v] for k, v in parts.items()}
    content = json.dumps(content | {"null": null}, sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:12]


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
    allowed |= {"judged_on": JUDGED_ON} if "judged_on" in entry else {}
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
    own |= {"null": _null(entry.get("null", {}), parts, where)}
    own |= {"history": _history(entry, where), "reruns": _reruns(entry, where)}
    kept = {k: v for k, v in entry.items() if k != "registered"}
    claim = Claim(**(kept | parts | own))
    if claim.history and claim.history[-1].hash != claim.hash:
        raise ValueError(
            f"{where}: its predictions are not those registered: add a line to "
            f"history with hash: {claim.hash}, the date and the reason"
        )
    return claim


def _history(entry: dict, where: str) -> tuple[Version, ...]:
    """registered, then history; ValueError for lines that lack a part."""
    lines = [entry.get("registered"), *(entry.get("history") or ())]
    if lines == [None]:
        return ()
    for k, line in enumerate(lines):
        needs = {"date", "hash", "because"} if k else {"date", "hash"}
        if not isinstance(line, dict) or set(line) != needs:
            raise ValueError(
                f"{where}: {'history' if k else 'registered'} needs "
                f"{', '.join(sorted(needs))}, got {line}"
            )
    return tuple(
        Version(str(line["date"]), str(line["hash"]), line.get("because"))
        for line in lines
    )


def _reruns(entry: dict, where: str) -> dict:
    """{of, open, with}; ValueError for other fields or counts."""
    runs = entry.get("reruns", {})
    if runs and (set(runs) != {"of", "open", "with"} or runs["open"] > runs["of"]):
        raise ValueError(f"{where}: reruns needs of, open <= of, with, got {runs}")
    return runs


def _null(entry: dict, parts: dict, where: str) -> dict[str, float]:
    """record -> value; ValueError for other records, or values that pass the claim."""
    null = {key: float(value) for key, value in entry.items()}
    if not null:
        return null
    predicted = (*parts["expect"], *parts["limits"])
    if set(null) != {key for e in predicted for key in e.keys}:
        raise ValueError(f"{where}: null must give each of the records it is judged on")
    if all(e.holds(null) for e in predicted):
        raise ValueError(
            f"{where}: its null passes as well, so that it tests nothing: {null}"
        )
    return null


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
    entries = strict_yaml.load(path)
    if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        raise ValueError(f"{path} must be a list of claims")
    return [_claim(entry, path.stem) for entry in entries]


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
