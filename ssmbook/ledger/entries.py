"""The ledger: what is claimed, and what that predicts.

An entry of book/claims/<chapter>.yml states what a claim predicts (`expect`) and where
we say it stops (`limits`), each with its reason; `verdicts.py` says what follows from
the records. An entry judged on training also says

- `null`: what each of its records would be if nothing moved, or one constant served
  all. A claim that such figures pass as well is refused;
- `registered`: the date and the hash of its predictions when they were first written
  down, before their measurement; `history`: a date, the hash after it and the reason
  of each change since. The last hash is that of the entry as it stands.

The classes below are the entry's fields; pydantic checks an entry against them.
"""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError

from ssmbook.ledger import support
from ssmbook.ledger.expectations import Expectation, predictions_hash
from ssmbook.notebook import strict_yaml
from ssmbook.notebook.chapters import chapters
from ssmbook.notebook.checked import Interval, Number, Text, checked, said
from ssmbook.notebook.files import read_text, shown

Verdict = Literal[
    "reproduced", "qualified", "undecided", "not reproduced", "not testable here"
]
Source = Literal[
    "abstract",
    "public review",
    "authors' code",
    "cited by another paper",
    "summary",
    "our reading",
]
Scale = Literal["exact", "reduced", "paper"]
JudgedOn = Literal["notebook", "deposit", "study"]
#: whose sentence a claim is
Kind = Literal["paper", "reviewer", "companion"]
#: what it rests on
Evidence = Literal["identity", "measurement", "training"]
VERDICTS: tuple[str, ...] = get_args(Verdict)
KINDS: tuple[str, ...] = get_args(Kind)
EVIDENCE: tuple[str, ...] = get_args(Evidence)


def _day(value: object) -> object:
    """YAML reads 2026-11-29 as a date, 2026-11 as text, some hashes as numbers."""
    return str(value) if isinstance(value, date | int) else value


Day = Annotated[Text, BeforeValidator(_day)]


@checked
class Version:
    """An entry's predictions, and its wording, as they stood from a day on.

    words: the hash of its wording, for a claim that is evaluated on a study.
    """

    date: Day
    hash: Day
    words: Day | None = None


@checked
class Change(Version):
    """Predictions that replaced others, and why they did.

    after: whether the measurement had been seen.
    """

    because: Text = Field(kw_only=True)
    after: Annotated[bool, Field(strict=True)] = Field(default=False, kw_only=True)


@checked
class Reruns:
    """How many runs with other seeds, rates and steps there were, and left it open."""

    of: Annotated[int, Field(ge=1, strict=True)]
    open: Annotated[int, Field(ge=0, strict=True)]
    having: Annotated[Text, Field(alias="with")]

    def __post_init__(self) -> None:
        if self.open > self.of:
            raise ValueError("needs open <= of")

    @property
    def half(self) -> bool:
        """Whether half of them, or more, left it open."""
        return 2 * self.open >= self.of


@checked
class Elsewhere:
    """A published figure at full scale that agrees with a claim, or does not."""

    says: Text
    agrees: Annotated[bool, Field(strict=True)]
    url: Text
    date: Day


@checked
class Claim:
    """An entry of the ledger; the page How to read says what its fields mean.

    notebook: the chapter that measures it. evidence: an identity follows from
    mathematics alone; a measurement trains nothing. paper: whose words it states,
    "companion" for ours. reviewer: the paper whose reviewer wrote it. expect, limits:
    what it predicts, and where it stops. valid_for: parameter -> range that it was
    derived for. null: record -> value without the effect. judged_on: the stored
    notebook, or a study of the chapter, a longer run. study: its name, if that is not
    the chapter's. registered, history: its
    predictions at first, and each change since. reruns: where half of them left it
    open, it is undecided. elsewhere: published figures. former: ids of earlier
    versions whose links lead here. requires: ids of the claims that it rests on; if one
    of them falls, it is shown as open.
    """

    notebook: Text
    id: Annotated[str, Field(pattern=r"^[\w-]+$")]
    evidence: Evidence
    where: Text
    source: Source
    says: Text
    expect: Annotated[tuple[Expectation, ...], Field(min_length=1)]
    scale: Scale
    verdict: Verdict
    why: Text
    paper: Text | None = None
    reviewer: Text | None = None
    limits: tuple[Expectation, ...] = ()
    valid_for: dict[str, Interval] = Field(default_factory=dict)
    url: Text | None = None
    date: Day | None = None
    null: dict[str, Number] = Field(default_factory=dict)
    judged_on: JudgedOn = "notebook"
    study: Text | None = None
    registered: Version | None = None
    history: tuple[Change, ...] = ()
    reruns: Reruns | None = None
    elsewhere: tuple[Elsewhere, ...] = ()
    former: tuple[Text, ...] = ()
    requires: tuple[Text, ...] = ()

    def __post_init__(self) -> None:
        if (self.paper is None) == (self.reviewer is None):
            raise ValueError("must have one of paper and reviewer")
        if self.judged_on != "notebook" and self.evidence != "training":
            raise ValueError(f"judged_on {self.judged_on!r} needs evidence 'training'")
        if self.study and self.judged_on != "study":
            raise ValueError("study needs judged_on: study")
        if self.source != "our reading" and not (self.url and self.date):
            raise ValueError(f"source {self.source!r} needs url and date")
        if self.null and set(self.null) != set(self.keys):
            raise ValueError("null must give each of the records it is judged on")
        if self.null and all(e.holds(self.null) for e in self.predictions):
            raise ValueError(
                f"its null passes as well, so that it tests nothing: {self.null}"
            )
        if self.history and not self.registered:
            raise ValueError("history needs registered: the date and hash at first")
        if self.judged_on == "study":
            self._check_trained()
        elif self.versions and self.versions[-1].hash != self.hash:
            raise ValueError(
                "its predictions are not those registered: add a line to history with "
                f"hash: {self.hash}, the date and the reason"
            )

    def _check_trained(self) -> None:
        """Raise ValueError for an order or words, which a contrast does not need."""
        if any(e.order is not None for e in self.predictions):
            raise ValueError("a claim on a study predicts contrasts: give no order")
        if any(e.words is not None for e in self.predictions):
            raise ValueError("a claim on a study has the words of its contrasts")

    @property
    def measured_by(self) -> str | None:
        """The name of the study that it is evaluated on; None for another claim."""
        return (self.study or self.notebook) if self.judged_on == "study" else None

    @property
    def versions(self) -> tuple[Version, ...]:
        """Its predictions as registered, and each change since."""
        return (self.registered, *self.history) if self.registered else ()

    @property
    def foretold(self) -> bool:
        """Whether no prediction changed after its measurement had been seen."""
        return bool(self.registered) and not any(v.after for v in self.history)

    @property
    def kind(self) -> Kind:
        """Whose sentence it is."""
        if self.reviewer:
            return "reviewer"
        return "companion" if self.paper == "companion" else "paper"

    @property
    def about(self) -> str:
        """The key of the paper that it is about, or "companion"."""
        return self.reviewer or self.paper or ""

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
        """The hash of what is predicted."""
        return predictions_hash(self.expect, self.limits, self.null)


_claim = TypeAdapter(Claim).validate_python


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
    ids = [name for claim in ledger for name in (claim.id, *claim.former)]
    repeated = {i for i in ids if ids.count(i) > 1}
    if repeated:
        raise ValueError(f"{folder}: claim ids must be unique, got {sorted(repeated)}")
    places = {c.id: str(files[c.notebook]) for c in ledger}
    support.check({c.id: c.requires for c in ledger}, places)
    return ledger


def read(path: Path) -> list[Claim]:
    """Return the claims of one chapter, whose slug is the file's name.

    Raises:
        ValueError: for a bad entry: the file, the line, the claim, the field, the value
            and the values allowed.
    """
    entries = strict_yaml.load(path)
    if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        raise ValueError(f"{path} must be a list of claims")
    found = []
    for entry in entries:
        if "notebook" in entry:
            raise ValueError(f"{_place(path, entry)}: unknown field notebook")
        try:
            found.append(_claim(entry | {"notebook": path.stem}))
        except ValidationError as error:
            raise ValueError(f"{_place(path, entry)}: {said(error)}") from None
    return found


def _place(path: Path, entry: dict) -> str:
    """The file, the line and the claim of an entry."""
    name = entry.get("id", "without id")
    name = name if isinstance(name, str) and name.isprintable() else shown(name)
    start = re.compile(rf"(?:- |  )id: *['\"]?{re.escape(str(name))}\b")
    lines = read_text(path).splitlines()
    line = next((f", line {k}" for k, l in enumerate(lines, 1) if start.match(l)), "")
    return f"{path}{line}: claim {name}"
