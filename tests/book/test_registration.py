"""Predictions are older than what they are judged on, as git's history has it."""

import re
import subprocess
from functools import cache
from itertools import pairwise

import pytest
import yaml

from ssmbook.ledger.expectations import Expectation, predictions_hash
from tests.book.conftest import CHAPTERS
from tests.conftest import ROOT

#: where the ledger has been; claims on studies are written there before
PLACES = ("book/claims", "book/claims.yml")
#: fields that decide a verdict besides the predictions, which have a hash
CONDITIONS = ("valid_for", "judged_on", "reruns")
#: changes of these fields in older commits have no line of history
EXPLAINED_SINCE = "2026-11-29"


@cache
def git(*arguments):
    done = subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, encoding="utf-8"
    )
    if done.returncode:
        pytest.skip(f"git's history is not here: {done.stderr.strip()}")
    return done.stdout


@pytest.fixture(scope="module")
def committed():
    """(commit, its date, entry) of all entries of the ledger in history, in order."""
    if git("rev-parse", "--is-shallow-repository").strip() != "false":
        pytest.skip("this clone is shallow")
    form = "--format=commit %H %cs"
    log = git("log", "--reverse", form, "--name-only", "--", *PLACES)
    found, commit, date = [], None, None
    for line in filter(None, log.splitlines()):
        if line.startswith("commit "):
            commit, date = line.split()[1:]
        else:
            found += [(commit, date, entry) for entry in entries(commit, line)]
    return found


@pytest.fixture(scope="module")
def first_seen(committed):
    """(claim, hash) -> the first commit that holds it, and their order in time."""
    seen = {}
    for commit, _, entry in committed:
        seen.setdefault((entry["id"], hash_of(entry)), commit)
    return seen


def entries(commit, path):
    """The entries of a file at a commit; none if the commit deleted it."""
    text = subprocess.run(
        ["git", "show", f"{commit}:{path}"],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
    ).stdout
    loaded = yaml.load(text, yaml.CSafeLoader) or []
    return loaded["claims"] if isinstance(loaded, dict) else loaded


def hash_of(entry):
    """The hash of an entry's predictions, whatever else the entry lacks.

    A claim on a study carries it itself, and `ssmbook claims` compares it.
    """
    if entry.get("judged_on") == "study":
        return str((entry.get("history") or [entry["registered"]])[-1]["hash"])
    parts = {
        name: tuple(Expectation(**{"because": "-", **e}) for e in entry.get(name) or ())
        for name in ("expect", "limits")
    }
    null = {k: float(v) for k, v in (entry.get("null") or {}).items()}
    return predictions_hash(**parts, null=null)


def test_every_entry_was_registered(ledger):
    assert [c.id for c in ledger if not c.versions] == []


def test_predictions_stand_in_history_as_registered(ledger, first_seen):
    edited = git("status", "--porcelain", "--", *PLACES)
    for claim in ledger:
        for version in claim.versions:
            if not edited:
                assert (claim.id, version.hash) in first_seen, version


def test_predictions_of_training_are_older_than_their_records(ledger, first_seen):
    for claim in ledger:
        known = first_seen.get((claim.id, claim.versions[0].hash))
        document = CHAPTERS[claim.notebook].document
        new = git("status", "--porcelain", "--", document)  # measured just now
        if claim.null and known and not new:
            measured = git("log", "-1", "--format=%H", "--", document).strip()
            between = git("rev-list", "--count", f"{known}..{measured}")
            assert int(between) > 0, claim.id


def test_entries_of_comparisons_have_a_null(ledger):
    """Where a notebook compares by training, each claim on figures with an error."""
    for claim in ledger:
        text = CHAPTERS[claim.notebook].path.read_text(encoding="utf-8")
        compares = re.search(r"from ssmlib\.training import .*\bcompare\b", text)
        if compares and claim.scale != "exact" and claim.judged_on != "study":
            assert claim.null, claim.id


def unexplained(versions):
    """Changes of `CONDITIONS` between versions of an entry that add no history."""
    return [
        (old.get(name), new.get(name))
        for old, new in pairwise(versions)
        for name in CONDITIONS
        if old.get(name) != new.get(name)
        and len(new.get("history") or ()) <= len(old.get("history") or ())
    ]


def test_a_changed_condition_has_a_dated_reason(committed):
    """A range that is widened, or a rerun that is counted, can turn a verdict."""
    versions = {}
    for _, date, entry in committed:
        own = versions.setdefault(entry["id"], [])
        if date < EXPLAINED_SINCE:
            own.clear()
        own.append(entry)
    for path in (ROOT / "book" / "claims").glob("*.yml"):
        for entry in yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader):
            versions.setdefault(entry["id"], []).append(entry)
    found = {claim: unexplained(own) for claim, own in versions.items()}
    assert {claim: changes for claim, changes in found.items() if changes} == {}


@pytest.mark.parametrize(
    "change",
    [
        {"valid_for": {"L": [1, 9]}},
        {"reruns": {"of": 4, "open": 1, "with": "other seeds"}},
        {"judged_on": "deposit"},
        {"valid_for": None},
    ],
)
def test_a_change_without_a_reason_is_found(change):
    old = {"valid_for": {"L": [5, 9]}, "reruns": {"of": 4, "open": 2, "with": "seeds"}}
    assert unexplained([old, old | change])
    line = {"date": "2026-11-30", "hash": "0" * 12, "because": "a reason"}
    assert not unexplained([old, old | change | {"history": [line]}])
