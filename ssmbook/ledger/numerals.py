"""Numbers as people write them: 0.36, 16,384, 2·10⁻¹⁶."""

from __future__ import annotations

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_SMALL, _LARGE = 1e-4, 1e6


def readable(value: float, digits: int) -> str:
    """Return a finite number rounded to a number of significant digits.

    Integers below a million keep all of their digits.
    """
    if abs(value) < _LARGE and float(value).is_integer():
        return f"{int(value):,}"
    rounded = float(f"{value:.{digits}g}")
    if _SMALL <= abs(rounded) < _LARGE:
        return f"{rounded:,.{digits + 6}g}"  # no exponent below a million
    mantissa, _, power = f"{rounded:.{digits - 1}e}".partition("e")
    ten = "10" + str(int(power)).translate(_RAISED)
    return ten if float(mantissa) == 1 else f"{float(mantissa):g}·{ten}"
