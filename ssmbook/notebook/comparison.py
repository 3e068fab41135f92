"""When a notebook's fresh outputs agree with its stored ones.

Records agree by name and within their own tolerance. In printed text, decimals agree
within one unit of the last printed place; everything else, whole numbers included,
agrees exactly. Pictures are not compared.
"""

from __future__ import annotations

import re
from decimal import Decimal

from ssmbook.notebook.executed import output_records

_DECIMAL = re.compile(r"[-+]?\d+\.\d*(?:[eE][-+]?\d+)?|[-+]?\d+[eE][-+]?\d+")
_TEXTS = ("text/plain", "text/html", "text/latex", "text/markdown")


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
            if not text_agrees(left, right)
        ]
    return lines
