"""Plots as inline SVG: points on logarithmic axes, and stacked bars.

Colours come from the page through classes (`series-1`, `part-spiking`, ...), so a plot follows its
colour scheme. A drawing is 320 units wide, the width of a small phone, with text of 12 units: it
may be shown larger, but nothing becomes too small to read.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

WIDTH = 320
_GLYPH = 6.6  # mean width of a character of 12 units; labels are kept apart by it
_LINE = 14
_MANTISSAS = ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7), tuple(range(1, 10)))


@dataclass(frozen=True)
class Point:
    """A point of a series.

    Attributes:
        x: above 0.
        y: above 0.
        label: written beside it.
    """

    x: float
    y: float
    label: str


@dataclass(frozen=True)
class Series:
    """Points that belong together.

    Attributes:
        name: what they are.
        points: in any order.
        style: class that colours them.
        exponent: slope of the fitted line through them; none draws no line.
    """

    name: str
    points: Sequence[Point]
    style: str
    exponent: float | None = None


@dataclass(frozen=True)
class Bar:
    """A bar of parts.

    Attributes:
        name: written before it.
        parts: class and length of each part, lengths of 0 or more in a unit of their own.
        label: written after it.
    """

    name: str
    parts: Sequence[tuple[str, float]]
    label: str


@dataclass(frozen=True)
class _Box:
    """A rectangle: left, top, right, bottom."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: _Box) -> bool:
        """Whether the two overlap."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )

    def within(self, other: _Box) -> bool:
        """Whether this lies inside the other."""
        return (
            self.left >= other.left
            and self.right <= other.right
            and self.top >= other.top
            and self.bottom <= other.bottom
        )


@dataclass(frozen=True)
class _LogScale:
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
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Round values within the range: at least three, of the plainest kind that has so many."""
        found: list[float] = []
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        for mantissas in _MANTISSAS:
            every = (m * 10.0**decade for decade in decades for m in mantissas)
            found = [value for value in every if self.low <= value <= self.high]
            if len(found) >= 3:
                break
        return found[:: math.ceil(len(found) / 6) or 1]


@dataclass
class _Labels:
    """Places labels so that none covers another."""

    area: _Box
    taken: list[_Box] = field(default_factory=list)

    def place(self, x: float, y: float, text: str) -> str:
        """A label beside a point, above left if there is room; empty where there is none."""
        width = len(text) * _GLYPH
        for anchor, dx, dy in (
            ("end", -6, -5),
            ("start", 7, 14),
            ("end", -6, 14),
            ("start", 7, -5),
        ):
            left = x + dx - (width if anchor == "end" else 0)
            box = _Box(left, y + dy - 11, left + width, y + dy + 3)
            if box.within(self.area) and not any(box.meets(other) for other in self.taken):
                self.taken.append(box)
                return _text(x + dx, y + dy, text, anchor, "label")
        return ""


def log_plot(
    title: str,
    series: Sequence[Series],
    x_name: Callable[[float], str],
    y_name: Callable[[float], str],
) -> str:
    """Points of one or more series on two logarithmic axes.

    Args:
        title: what the plot shows, for those who cannot see it.
        series: with at least one point in all.
        x_name: names a point's place on the x axis.
        y_name: names a round value on the y axis.
    """
    every = [point for one in series for point in one.points]
    top, bottom = 8, 208
    y = _LogScale(*_padded([point.y for point in every], 0.14), bottom, top)
    margin = 10 + _GLYPH * max((len(y_name(value)) for value in y.ticks()), default=0)
    area = _Box(margin, top, WIDTH - 8, bottom)
    x = _LogScale(*_padded([point.x for point in every], 0.2), area.left, area.right)
    # Away from the axis, whose own labels stand close by.
    labels = _Labels(_Box(area.left + 24, area.top, area.right, area.bottom))
    for point in every:
        at, to = x(point.x), y(point.y)
        labels.taken.append(_Box(at - 4, to - 4, at + 4, to + 4))
    parts = [*_y_axis(y, y_name, area), *_x_axis(x, every, x_name, area)]
    for one in series:
        parts.append(_fit(one, x, y))
        for point in one.points:
            parts.append(_marker(x(point.x), y(point.y), one, point))
            parts.append(labels.place(x(point.x), y(point.y), point.label))
    told = (f"{one.name}: " + ", ".join(p.label for p in one.points) for one in series)
    return _drawing(bottom + 32, f"{title}. {'; '.join(told)}", parts)


def stacked_bars(title: str, bars: Sequence[Bar]) -> str:
    """Horizontal bars, each of parts one after the other, all to one scale.

    Args:
        title: what the bars show, for those who cannot see it.
        bars: from top to bottom.
    """
    row, left = 24, 12 + _GLYPH * max(len(bar.name) for bar in bars)
    right = WIDTH - 8 - _GLYPH * max(len(bar.label) for bar in bars)
    longest = max(sum(length for _, length in bar.parts) for bar in bars) or 1.0
    scale = (right - left) / longest
    parts: list[str] = []
    for index, bar in enumerate(bars):
        top, x = index * row, left
        parts.append(_text(left - 8, top + 16, bar.name, "end", "name"))
        for style, length in bar.parts:
            width = length * scale
            parts.append(
                f'<rect class="{style}" x="{x:.1f}" y="{top + 4}" '
                f'width="{width:.1f}" height="{row - 8}"/>'
            )
            x += width
        parts.append(_text(x + 6, top + 16, bar.label, "start", "label"))
    told = ", ".join(f"{bar.name} {bar.label}" for bar in bars)
    return _drawing(row * len(bars), f"{title}: {told}", parts)


def _padded(values: Sequence[float], share: float) -> tuple[float, float]:
    """The range of the values, widened by a share of it on both sides."""
    low, high = min(values), max(values)
    factor = max((high / low) ** share, 1.3)
    return low / factor, high * factor


def _y_axis(y: _LogScale, name: Callable[[float], str], area: _Box) -> Iterator[str]:
    for value in y.ticks():
        at = y(value)
        yield f'<path class="grid" d="M{area.left:.1f} {at:.1f}H{area.right:.1f}"/>'
        yield _text(area.left - 6, at + 4, name(value), "end", "axis")


def _x_axis(
    x: _LogScale, points: Sequence[Point], name: Callable[[float], str], area: _Box
) -> Iterator[str]:
    """A mark below every point; its name where it does not run into the one before."""
    yield f'<path class="base" d="M{area.left:.1f} {area.bottom:.1f}H{area.right:.1f}"/>'
    free = -math.inf
    for value in sorted({point.x for point in points}):
        at, text = x(value), name(value)
        half = len(text) * _GLYPH / 2
        yield f'<path class="base" d="M{at:.1f} {area.bottom:.1f}v5"/>'
        if at - half >= free:
            yield _text(at, area.bottom + 5 + _LINE, text, "middle", "axis")
            free = at + half + 1.5 * _GLYPH


def _fit(series: Series, x: _LogScale, y: _LogScale) -> str:
    """The line of the fitted slope; least squares lead it through the mean of the logarithms."""
    if series.exponent is None or not series.points:
        return ""
    count = len(series.points)
    mean_x = sum(math.log(point.x) for point in series.points) / count
    mean_y = sum(math.log(point.y) for point in series.points) / count
    ends = (min(point.x for point in series.points), max(point.x for point in series.points))
    places = [
        (x(end), y(math.exp(mean_y + series.exponent * (math.log(end) - mean_x)))) for end in ends
    ]
    path = "L".join(f"{at:.1f} {to:.1f}" for at, to in places)
    return f'<path class="fit {series.style}" d="M{path}"/>'


def _marker(x: float, y: float, series: Series, point: Point) -> str:
    told = f"<title>{_escaped(series.name)}: {_escaped(point.label)}</title>"
    return f'<circle class="point {series.style}" cx="{x:.1f}" cy="{y:.1f}" r="4">{told}</circle>'


def _text(x: float, y: float, text: str, anchor: str, style: str) -> str:
    return (
        f'<text class="{style}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">'
        f"{_escaped(text)}</text>"
    )


def _drawing(height: int, told: str, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{_escaped(told)}">'
        f"{''.join(parts)}</svg>"
    )


def _escaped(text: str) -> str:
    return html.escape(text, quote=True)
