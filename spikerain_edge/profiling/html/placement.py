"""Places values on logarithmic axes, and labels so that none covers another."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

GLYPH = 6.6
"""Mean width of a character of 12 units. Labels are kept apart by it."""

_MANTISSAS = ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7), tuple(range(1, 10)))


@dataclass(frozen=True)
class Box:
    """A rectangle: left, top, right, bottom."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Box) -> bool:
        """Whether the two overlap."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )

    def within(self, other: Box) -> bool:
        """Whether this lies inside the other."""
        return (
            self.left >= other.left
            and self.right <= other.right
            and self.top >= other.top
            and self.bottom <= other.bottom
        )


@dataclass(frozen=True)
class LogScale:
    """Maps values to units of the drawing, logarithmically.

    Attributes:
        low: smallest value shown.
        high: largest value shown.
        start: where `low` is drawn.
        end: where `high` is drawn.
    """

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Where a value is drawn."""
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Returns at least three round values within the range, as plain as possible."""
        found: list[float] = []
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        for mantissas in _MANTISSAS:
            every = (m * 10.0**decade for decade in decades for m in mantissas)
            found = [value for value in every if self.low <= value <= self.high]
            if len(found) >= 3:
                break
        return found[:: math.ceil(len(found) / 6) or 1]


@dataclass(frozen=True)
class Place:
    """Where a text stands: its baseline, and which end of it is at `x`."""

    x: float
    y: float
    anchor: str


@dataclass
class Labels:
    """Places labels so that none covers another."""

    area: Box
    taken: list[Box] = field(default_factory=list)

    def place(self, x: float, y: float, text: str) -> Place | None:
        """Finds room beside a point, above left first; returns None if there is no room."""
        width = len(text) * GLYPH
        for anchor, dx, dy in (
            ("end", -6, -5),
            ("start", 7, 14),
            ("end", -6, 14),
            ("start", 7, -5),
        ):
            left = x + dx - (width if anchor == "end" else 0)
            box = Box(left, y + dy - 11, left + width, y + dy + 3)
            if box.within(self.area) and not any(box.meets(other) for other in self.taken):
                self.taken.append(box)
                return Place(x + dx, y + dy, anchor)
        return None
