"""Figures in words: rounded, with units a reader knows."""

from __future__ import annotations

import math
from collections.abc import Sequence

_PREFIXES = {
    -15: "f",
    -12: "p",
    -9: "n",
    -6: "µ",
    -3: "m",
    0: "",
    3: "k",
    6: "M",
    9: "G",
    12: "T",
    15: "P",
}
_SMALLEST, _LARGEST = min(_PREFIXES), max(_PREFIXES)
NONE = "\N{EM DASH}"
TIMES = "\N{MULTIPLICATION SIGN}"
GAP = "\N{NO-BREAK SPACE}"
"""Between a number and its unit, so that no line ends there."""


def rounded(value: float | None, digits: int = 3) -> str:
    """A number with so many significant digits, in plain notation, trailing zeros kept.

    Whole digits are never rounded away: 1234 stays 1234. None reads as a dash.
    """
    if value is None:
        return NONE
    if value == 0 or not math.isfinite(value):
        return f"{value:.0f}"
    places = digits - 1 - math.floor(math.log10(abs(value)))
    # 9.996 rounds to 10.00, one digit too many; look again at what comes out.
    places = digits - 1 - math.floor(math.log10(abs(round(value, places))))
    return f"{value:.{max(places, 0)}f}"


def quantity(value: float | None, unit: str, scale: float = 1.0, digits: int = 3) -> str:
    """A physical quantity with an SI prefix that leaves one to three digits before the point.

    Args:
        value: the number; none reads as a dash.
        unit: such as `s` or `J`.
        scale: what the number is given in, such as 1e-3 for milliseconds.
        digits: significant digits.
    """
    if value is None:
        return NONE
    value *= scale
    if value == 0 or not math.isfinite(value):
        return f"{value:.0f}{GAP}{unit}"
    # Rounding first, or 999.96 m would read as 1000 m.
    power = 3 * math.floor(math.log10(abs(float(f"{value:.{digits - 1}e}"))) / 3)
    power = min(max(power, _SMALLEST), _LARGEST)
    return f"{rounded(value / 10.0**power, digits)}{GAP}{_PREFIXES[power]}{unit}"


def tick(value: float, unit: str) -> str:
    """A round quantity on an axis: `200 ms`, `1 s`."""
    number, _, name = quantity(value, unit).partition(GAP)
    return f"{float(number):g}{GAP}{name}"


def percent(share: float | None) -> str:
    """A share as a percentage; two digits suffice, but what is neither 0 nor 1 does not read so."""
    if share is None:
        return NONE
    value = share * 100
    if 0 < value < 0.05:
        return f"<{GAP}0.1{GAP}%"
    if 99.5 <= value < 100:
        return f"{min(value, 99.9):.1f}{GAP}%"
    return f"{value:.0f}{GAP}%" if value == 0 or value >= 9.95 else f"{value:.1f}{GAP}%"


def per_cent(share: float) -> str:
    """A share in per cent without the sign: `3.1`, `0`, `100`."""
    value = share * 100
    if 0 < value < 0.05:
        return f"<{GAP}0.1"
    return f"{value:.0f}" if value == 0 or value >= 99.95 else f"{value:.1f}"


def size(imgsz: Sequence[int], breaks: bool = False) -> str:
    """`[height, width]` as people write it: width first.

    Args:
        imgsz: height and width.
        breaks: whether a line may end after the sign, where columns are narrow.
    """
    height, width = imgsz
    return f"{width}{GAP}{TIMES}{' ' if breaks else GAP}{height}"


def pixels(imgsz: Sequence[int]) -> int:
    """How many pixels an image has."""
    height, width = imgsz
    return height * width
