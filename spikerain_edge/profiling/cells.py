"""Tables and cells for a terminal."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from spikerain_edge.profiling.records import Size

UNKNOWN = "-"
"""Stands for what is not known."""
_UNIT = re.compile(r" (ms|MB|mJ|J|µJ|per timestep|channels|below)$")
_LEFT = ("size", "rail", "layer", "reads", "precision", "limited by")

Line = TypeVar("Line")
Column = tuple[str, Callable[[Line], str]]


def table(title: str, lines: Iterable[Line], columns: Sequence[Column[Line]]) -> RenderableType:
    """Makes a table with one function per column, numbers to the right.

    Units stand below their headings, and only words wrap, so that a terminal of 80 columns cuts off
    no number.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for heading, _ in columns:
        words = heading in _LEFT
        lines_of_heading = _UNIT.sub(r"\n\1", heading)
        table.add_column(
            lines_of_heading,
            justify="left" if words else "right",
            no_wrap=not words or heading == "size",
            overflow="fold",
        )
    for line in lines:
        table.add_row(*(Text(cell(line)) for _, cell in columns))
    # A title of the table would wrap at the width of the table.
    return Group(Text(title, style="table.title"), table)


def paragraph(text: str) -> RenderableType:
    """Makes a dim paragraph."""
    return Padding(Text(text, style="dim"), (0, 0, 1, 0))


def once(reasons: Iterable[str | None]) -> list[str]:
    """Returns the reasons in order, each once."""
    return list(dict.fromkeys(reason for reason in reasons if reason))


def percent(share: float | None) -> str:
    """Writes a share as a percentage."""
    return UNKNOWN if share is None else f"{share:.1%}"


def number(value: float | None, scale: float = 1.0, unit: str = "") -> str:
    """Writes three or more significant digits, without an exponent."""
    if value is None:
        return UNKNOWN
    scaled = value * scale
    if scaled == 0:
        return f"0{unit}"
    for limit, decimals in ((100, 0), (10, 1), (1, 2), (0.1, 3), (0.001, 4)):
        if abs(scaled) >= limit:
            return f"{scaled:.{decimals}f}{unit}"
    return f"<0.001{unit}"


def size(imgsz: Size) -> str:
    """Writes a size (height, width) as width x height."""
    height, width = imgsz
    return f"{width}x{height}"
