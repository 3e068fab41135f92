"""When a notebook's fresh outputs agree with its stored ones.

Records agree by name and within their own tolerance. In printed text, decimals agree
within one unit of the last printed place; everything else, whole numbers included,
agrees exactly. Tables of losses have a rule of their own. Pictures are not compared.
"""

from __future__ import annotations

import re
from decimal import Decimal

from ssmbook.notebook.executed import output_records
from ssmbook.notebook.losses import COLUMNS, Losses

_DECIMAL = re.compile(r"[-+]?\d+\.\d*(?:[eE][-+]?\d+)?|[-+]?\d+[eE][-+]?\d+")
_TEXTS = ("text/plain", "text/html", "text/latex", "text/markdown")
#: relative difference up to which two losses agree, and the share that has to agree
CLOSE, SHARE = 1e-3, 0.75
_PLACE = ("task", "arm", "seed", "budget", "lr")


def text_agrees(stored: str, fresh: str) -> bool:
    """Whether printed text agrees, decimals within one unit of the last place."""
    if _DECIMAL.sub("#", stored) != _DECIMAL.sub("#", fresh):
        return False
    pairs = zip(_DECIMAL.findall(stored), _DECIMAL.findall(fresh), strict=True)
    for left, right in pairs:
        a, b = Decimal(left), Decimal(right)
        # Of what is neither infinite nor NaN, as here, an exponent is a number.
        unit = Decimal(1).scaleb(max(int(x.as_tuple().exponent) for x in (a, b)))
        if abs(a - b) > unit:
            return False
    return True


def losses_agree(stored: str, fresh: str) -> bool:
    """Whether two tables of losses agree: the same models, and nearly the same numbers.

    Rounding differs between processors. It changes most models by less than a
    thousandth of a percent, but where training is chaotic, it may change a loss by any
    amount. Another data set, seed or algorithm changes nearly every loss. Models that
    are not trained (a rate of 0) have to agree.
    """
    old, new = (
        Losses.from_csv(text.encode(), "losses").rows for text in (stored, fresh)
    )
    if [[row[n] for n in _PLACE] for row in old] != [
        [row[n] for n in _PLACE] for row in new
    ]:
        return False
    agree: dict[str, list[bool]] = {}
    for a, b in zip(old, new, strict=True):
        if a.keys() != b.keys():
            return False
        same = [a["status"] == b["status"]]
        for name in a.keys() - {*_PLACE, "status"}:
            x, y = float(a[name]), float(b[name])
            same.append(abs(x - y) <= CLOSE * max(abs(x), abs(y)))
            agree.setdefault(name, []).append(same[-1])
        if not a["lr"] and not all(same):
            return False
    return all(sum(own) >= SHARE * len(own) for own in agree.values())


def _agree(stored: str, fresh: str) -> bool:
    """Whether two texts of one kind agree."""
    head = ",".join(COLUMNS)
    if stored.startswith(head) and fresh.startswith(head):
        return losses_agree(stored, fresh)
    return text_agrees(stored, fresh)


def _texts(outputs: list) -> list[tuple[str, str]]:
    """(kind, text) of what is printed or shown as text, streams joined."""
    texts: list[tuple[str, str]] = []
    for output in outputs:
        if output["output_type"] == "stream":
            kind, text = output["name"], output["text"]
            if texts and texts[-1][0] == kind:
                text = texts.pop()[1] + text
            texts.append((kind, text))
        elif output["output_type"] == "error":
            texts.append(("error", output["ename"] + output["evalue"]))
        elif not any(mime.startswith("image/") for mime in output["data"]):
            texts += [
                (m, str(output["data"][m])) for m in _TEXTS if m in output["data"]
            ]
    return texts


def differences(stored: list, fresh: list) -> list[str]:
    """What differs between a cell's stored and fresh outputs, a line each."""
    old, new = output_records(stored), output_records(fresh)
    lines = [f"record {key!r} is gone" for key in sorted(set(old) - set(new))]
    lines += [f"record {key!r} is not stored" for key in sorted(set(new) - set(old))]
    lines += [
        f"record {key!r}: stored {old[key]}, now {new[key]}"
        for key in old
        if key in new and not old[key].agrees(new[key])
    ]
    before, after = _texts(stored), _texts(fresh)
    if [kind for kind, _ in before] != [kind for kind, _ in after]:
        lines.append(
            f"kinds of output: stored {[k for k, _ in before]}, "
            f"now {[k for k, _ in after]}"
        )
    else:
        lines += [
            f"{kind}: stored\n{left}\nnow\n{right}"
            for (kind, left), (_, right) in zip(before, after, strict=True)
            if not _agree(left, right)
        ]
    return lines
