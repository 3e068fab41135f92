"""What changed in the ledger since an earlier version."""

from __future__ import annotations

import json

import pytest

from ssmbook.ledger import entries
from ssmbook.ledger.verdicts import Judgement
from ssmbook.pages import changes
from tests.ssmbook.test_verdicts import ENTRY

BEFORE = {"same": "reproduced", "turned": "undecided", "older": "undecided"}


@pytest.fixture
def judged(tmp_path):
    later = {"date": "2026-12-01", "because": "measured on new seeds"}
    parts = [
        ENTRY | {"id": "same"},
        ENTRY | {"id": "turned"},
        ENTRY | {"id": "renamed", "former": ["older"]},
        ENTRY | {"id": "added"},
    ]
    path = tmp_path / "toy.yml"
    path.write_text(json.dumps(parts[:1]), encoding="utf-8")
    (first,) = entries.read(path)
    versions = {"registered": {"date": "2026-11-01", "hash": first.hash}}
    versions |= {"history": [later | {"hash": first.hash}]}
    path.write_text(json.dumps([p | versions for p in parts]), encoding="utf-8")
    return [Judgement(claim, "reproduced", {}) for claim in entries.read(path)]


def former(tmp_path, **parts):
    path = tmp_path / "0.1.yml"
    content = {"verdicts": BEFORE, "dropped": {}} | parts
    path.write_text(json.dumps(content), encoding="utf-8")
    return changes.read(path)


def test_verdicts_that_differ_are_listed_with_their_reason(tmp_path, judged):
    table = changes.table(former(tmp_path), judged)
    assert "[same]" not in table
    for name in ("turned", "older"):
        (row,) = [line for line in table.splitlines() if f"[{name}]" in line]
        assert f"(claim-{name})" in row
        assert "undecided" in row
        assert "reproduced" in row
        assert row.endswith("| measured on new seeds |")
    assert "| [added](claim-added) | new |" in table


def test_a_dropped_claim_keeps_its_anchor_and_says_why(tmp_path, judged):
    parts = {"verdicts": BEFORE | {"gone": "undecided"}, "dropped": {"gone": "A copy."}}
    table = changes.table(former(tmp_path, **parts), judged)
    assert "(claim-gone)=" in table
    assert "A copy." in table


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"verdicts": BEFORE | {"gone": "undecided"}}, "claim gone of the earlier"),
        ({"dropped": {"older": "a copy"}}, "claim older is dropped, and in the ledger"),
        ({"dropped": {"unknown": "a copy"}}, "dropped names unknown"),
        ({"verdicts": {"same": "good"}}, "verdicts, same must be one of 'reproduced'"),
        ({"other": 1}, "unknown field other"),
    ],
)
def test_a_claim_that_is_lost_is_refused(tmp_path, judged, parts, message):
    with pytest.raises(ValueError, match=message):
        changes.table(former(tmp_path, **parts), judged)
