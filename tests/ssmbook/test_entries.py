"""Entries of the ledger: bad ones are refused by name, line and field."""

import pytest
import yaml

from ssmbook.ledger import entries as ledgers
from tests.ssmbook.test_verdicts import ENTRY, ledger


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"verdict": "true"}, "verdict must be one of"),
        ({"source": "abstract"}, "source 'abstract' needs url and date"),
        ({"source": "hearsay"}, "source must be one of 'abstract', .*, got 'hearsay'"),
        ({"expect": []}, "expect must have at least 1 in a list, got"),
        ({"expect": 3}, "expect must be a valid list, got 3"),
        ({"expect": [{"key": "x", "between": [0, 1]}]}, "expect 1, because is missing"),
        (
            {"expect": [{"key": "x", "between": [1, 0], "because": "t"}]},
            r"expect 1, between must be \[low, high\], with low <= high, got \[1, 0\]",
        ),
        (
            {"expect": [{"key": "x", "value": "low", "atol": 1, "because": "t"}]},
            "expect 1, value must be a valid number, .*, got 'low'",
        ),
        (
            {"expect": [{"key": "x", "value": 1, "because": "t"}]},
            "expect 1 must be {key, between.*got {",
        ),
        (
            {"expect": [{"key": "x", "value": 1, "atol": -1, "because": "t"}]},
            "expect 1, atol must be greater than or equal to 0, got -1",
        ),
        (
            {"expect": [{"key": "x", "because": "t"}]},
            r"expect 1 must be {key, between: \[a, b\]}, {key, above}, {key, below},",
        ),
        (
            {"limits": [{"order": ["x"], "because": "t"}]},
            "limits 1, order must have at least 2 in a list, got",
        ),
        ({"colour": "red"}, "unknown field colour"),
        ({1: "x"}, "the key 1 must be text, got 1"),
        ({"id": "a b"}, "id must match pattern"),
        ({"says": ""}, "says must not be empty, got ''"),
        (
            {"judged_on": "laptop"},
            "judged_on must be one of 'notebook', 'deposit' or",
        ),
        ({"judged_on": "deposit"}, "judged_on 'deposit' needs evidence 'training'"),
        ({"evidence": "proof"}, "evidence must be one of 'identity', 'measurement' or"),
        ({"reviewer": "a2025"}, "must have one of paper and reviewer"),
        ({"paper": None}, "must have one of paper and reviewer"),
        ({"elsewhere": [{"says": "x"}]}, "elsewhere 1, agrees is missing"),
        (
            {"elsewhere": [{"says": "x", "agrees": 1, "url": "u", "date": "2026"}]},
            "elsewhere 1, agrees must be a valid boolean, got 1",
        ),
        ({"reruns": 3}, "reruns must be a mapping, got 3"),
        ({"reruns": {"of": True, "open": 0, "with": "x"}}, "reruns, of must be"),
        ({"null": {"x": True}}, "null, x must be a number, got True"),
        (
            {"expect": [{"key": "x", "between": [True, 2], "because": "t"}]},
            "expect 1, between 1 must be a number, got True",
        ),
        (
            {"expect": [{"key": "x", "value": 1e999, "atol": 1, "because": "t"}]},
            "expect 1, value must be a finite number, got inf",
        ),
        ({"notebook": "other"}, "unknown field notebook"),
        ({"why": None}, "why must be a valid string, got None"),
        ({"valid_for": {"L": [9, 1]}}, r"valid_for, L must be \[low, high\]"),
        ({"null": {"y": 0}}, "null must give each of the records"),
        ({"registered": {"date": "2026-01-01"}}, "registered, hash is missing"),
        ({"history": [{"date": 1, "hash": 2, "because": "t"}]}, "needs registered"),
        (
            {"registered": {"date": "2026-01-01", "hash": "0" * 12}},
            "its predictions are not those registered: add a line",
        ),
        (
            {
                "registered": {"date": "2026-01-01", "hash": "0" * 12},
                "history": [{"date": "2026-01-02", "hash": "0" * 12}],
            },
            "history 1, because is missing",
        ),
    ],
)
def test_bad_entries_are_refused(tmp_path, changes, message):
    path = tmp_path / "nb.yml"
    entry = yaml.safe_dump([ENTRY | changes], sort_keys=False)
    path.write_text(f"# Claims.\n{entry}", encoding="utf-8")
    with pytest.raises(ValueError, match=message) as error:
        ledgers.read(path)
    claim = changes.get("id", "a-claim")
    assert str(error.value).startswith(f"{path}, line 2: claim {claim}: ")
    assert "\n" not in str(error.value)


def test_a_bad_entry_is_named_with_its_line(tmp_path):
    path = tmp_path / "nb.yml"
    entries = [ENTRY, ENTRY | {"id": "another", "scale": "big"}]
    text = yaml.safe_dump(entries, sort_keys=False)
    path.write_text(f"# Claims.\n{text}", encoding="utf-8")
    line = 2 + text.partition("- id: another")[0].count("\n")
    with pytest.raises(ValueError, match=f"nb.yml, line {line}: claim another: scale"):
        ledgers.read(path)


def test_what_nothing_moves_or_one_constant_passes_is_refused(tmp_path):
    """Two plants: a small shift is predicted; one best value is near all others."""
    small = [{"key": "shift", "between": [-1.5, 1.5], "because": "it is small"}]
    near = [{"key": "off", "between": [0, 1.5], "because": "within a margin"}]
    nothing_moves, one_constant = {"shift": 0.0}, {"off": 0.68}
    for expect, null in ((small, nothing_moves), (near, one_constant)):
        with pytest.raises(ValueError, match="its null passes as well"):
            ledger(tmp_path, expect=expect, null=null)
    large = [{"key": "shift", "between": [2.3, 5.3], "because": "the rule"}]
    (claim,) = ledger(tmp_path, expect=large, null=nothing_moves)
    assert claim.null == nothing_moves


def test_the_history_of_an_entry(tmp_path):
    (claim,) = ledger(tmp_path)
    first = {"date": "2026-01-01", "hash": "0" * 12}
    change = {"date": "2026-01-02", "hash": claim.hash, "because": "a margin"}
    (claim,) = ledger(tmp_path, registered=first, history=[change])
    assert [v.date for v in claim.versions] == ["2026-01-01", "2026-01-02"]
    wider = [{"key": "x", "between": [0, 3], "because": "theory"}]
    with pytest.raises(ValueError, match="not those registered"):
        ledger(tmp_path, registered=first, history=[change], expect=wider)
    reworded = [{"key": "x", "between": [0, 2], "because": "another word"}]
    assert ledger(tmp_path, expect=reworded)[0].hash == claim.hash
