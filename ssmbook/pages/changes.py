"""The table of what changed in the ledger since an earlier version of the book."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from ssmbook.ledger.entries import Verdict
from ssmbook.ledger.verdicts import Judgement
from ssmbook.notebook import strict_yaml
from ssmbook.notebook.checked import Text, checked, said
from ssmbook.pages.badges import badge, plain


@checked
class Former:
    """The ledger of an earlier version.

    verdicts: of each claim. dropped: why a claim is in no entry any more.
    """

    verdicts: dict[Text, Verdict]
    dropped: dict[Text, Text]


_former = TypeAdapter(Former).validate_python


def read(path: Path) -> Former:
    """Return the ledger of an earlier version.

    Raises:
        ValueError: for a bad file, or a dropped claim that the version does not have.
    """
    try:
        former = _former(strict_yaml.load(path))
    except ValidationError as error:
        raise ValueError(f"{path}: {said(error)}") from None
    if unknown := set(former.dropped) - set(former.verdicts):
        raise ValueError(f"{path}: dropped names {min(unknown)}, which has no verdict")
    return former


def table(former: Former, judged: Sequence[Judgement]) -> str:
    """Return the claims whose verdict differs, and the dropped ones, Markdown.

    Raises:
        ValueError: for an earlier claim that is neither in the ledger nor dropped, or
            in both.
    """
    now = {name: j for j in judged for name in (j.claim.id, *j.claim.former)}
    if lost := set(former.verdicts) - set(now) - set(former.dropped):
        raise ValueError(
            f"claim {min(lost)} of the earlier version is in no entry: name it under "
            "former, or give the reason under dropped"
        )
    if both := set(former.dropped) & set(now):
        raise ValueError(f"claim {min(both)} is dropped, and in the ledger")
    rows = [
        f"| [{name}](claim-{name}) | {badge(before)} | {badge(now[name].shown)} | "
        f"{_reason(now[name])} |"
        for name, before in former.verdicts.items()
        if name in now and now[name].shown != before
    ]
    new = [j for j in judged if not {j.claim.id, *j.claim.former} & {*former.verdicts}]
    rows += [
        f"| [{j.claim.id}](claim-{j.claim.id}) | new | {badge(j.shown)} | "
        f"{_reason(j)} |"
        for j in new
    ]
    heads = ["| claim | before | now | reason |", "|---|---|---|---|"]
    return "\n".join([*heads, *rows, "", *_dropped(former)])


def _reason(judgement: Judgement) -> str:
    if judgement.fallen:
        named = [f"{name} ({plain(own)})" for name, own in judgement.fallen.items()]
        return f"it rests on {', '.join(named)}"
    history = judgement.claim.history
    if history:
        return history[-1].because
    first = judgement.claim.registered
    return f"new, registered {first.date}" if first else "new"


def _dropped(former: Former) -> list[str]:
    if not former.dropped:
        return []
    parts = ["These claims were dropped:", ""]
    for name, reason in former.dropped.items():
        before = badge(former.verdicts[name])
        parts += [f"(claim-{name})=", "", f"- `{name}` ({before} before): {reason}", ""]
    return parts


def of_book(root: Path, judged: Sequence[Judgement]) -> Mapping[str, str]:
    """Return the table for each earlier version that the book has, by version."""
    return {
        path.stem: table(read(path), judged)
        for path in sorted((root / "book" / "former").glob("*.yml"))
    }
