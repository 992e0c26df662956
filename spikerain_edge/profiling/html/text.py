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
    """Writes a number with that many significant digits, without exponent, zeros kept.

    Whole digits stay: 1234 is written as 1234. None is written as a dash.
    """
    if value is None:
        return NONE
    if value == 0 or not math.isfinite(value):
        return f"{value:.0f}"
    places = digits - 1 - math.floor(math.log10(abs(value)))
    # 9.996 rounds to 10.00, one digit too many, so count the digits of the result.
    places = digits - 1 - math.floor(math.log10(abs(round(value, places))))
    return f"{value:.{max(places, 0)}f}"


def quantity(value: float | None, unit: str, scale: float = 1.0, digits: int = 3) -> str:
    """Writes a quantity with an SI prefix that leaves one to three digits before the point.

    Args:
        value: the number; None is written as a dash.
        unit: such as `s` or `J`.
        scale: what the number is given in, such as 1e-3 for milliseconds.
        digits: significant digits.
    """
    if value is None:
        return NONE
    value *= scale
    if value == 0 or not math.isfinite(value):
        return f"{value:.0f}{GAP}{unit}"
    # Round first: 999.96 m must become 1.00, not 1000 m.
    power = 3 * math.floor(math.log10(abs(float(f"{value:.{digits - 1}e}"))) / 3)
    power = min(max(power, _SMALLEST), _LARGEST)
    return f"{rounded(value / 10.0**power, digits)}{GAP}{_PREFIXES[power]}{unit}"


def tick(value: float, unit: str) -> str:
    """Writes a round quantity on an axis: `200 ms`, `1 s`."""
    number, _, name = quantity(value, unit).partition(GAP)
    return f"{float(number):g}{GAP}{name}"


def percent(share: float | None) -> str:
    """Writes a share as a percentage with two digits; only 0 and 1 read as 0 % and 100 %."""
    if share is None:
        return NONE
    value = share * 100
    if 0 < value < 0.05:
        return f"<{GAP}0.1{GAP}%"
    if 99.5 <= value < 100:
        return f"{min(value, 99.9):.1f}{GAP}%"
    return f"{value:.0f}{GAP}%" if value == 0 or value >= 9.95 else f"{value:.1f}{GAP}%"


def per_cent(share: float) -> str:
    """Writes a share in per cent without the sign: `3.1`, `0`, `100`."""
    value = share * 100
    if 0 < value < 0.05:
        return f"<{GAP}0.1"
    return f"{value:.0f}" if value == 0 or value >= 99.95 else f"{value:.1f}"


def size(imgsz: Sequence[int], breaks: bool = False) -> str:
    """Writes `[height, width]` as people do: width first.

    Args:
        imgsz: height and width.
        breaks: whether a line may end after the sign, where columns are narrow.
    """
    height, width = imgsz
    return f"{width}{GAP}{TIMES}{' ' if breaks else GAP}{height}"


def pixels(imgsz: Sequence[int]) -> int:
    """Counts the pixels of an image."""
    height, width = imgsz
    return height * width
