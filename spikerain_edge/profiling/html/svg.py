"""Plots as inline SVG: points on logarithmic axes, and stacked bars.

Colours come from the page through classes (`series-1`, `part-spiking`, ...), so a plot follows its
colour scheme. A drawing is 320 units wide, the width of a small phone, with text of 12 units: it
may be shown larger, but nothing becomes too small to read.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from spikerain_edge.profiling.html.placement import GLYPH, Box, Labels, LogScale

WIDTH = 320
_LINE = 14


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


def log_plot(
    title: str,
    series: Sequence[Series],
    x_name: Callable[[float], str],
    y_name: Callable[[float], str],
) -> str:
    """Draws points of one or more series on two logarithmic axes.

    Args:
        title: what the plot shows, for those who cannot see it.
        series: with at least one point in all.
        x_name: names a point's place on the x axis.
        y_name: names a round value on the y axis.
    """
    every = [point for one in series for point in one.points]
    top, bottom = 8, 208
    y = LogScale(*_padded([point.y for point in every], 0.14), bottom, top)
    margin = 10 + GLYPH * max((len(y_name(value)) for value in y.ticks()), default=0)
    area = Box(margin, top, WIDTH - 8, bottom)
    x = LogScale(*_padded([point.x for point in every], 0.2), area.left, area.right)
    # Away from the axis, whose own labels stand close by.
    labels = Labels(Box(area.left + 24, area.top, area.right, area.bottom))
    for point in every:
        at, to = x(point.x), y(point.y)
        labels.taken.append(Box(at - 4, to - 4, at + 4, to + 4))
    parts = [*_y_axis(y, y_name, area), *_x_axis(x, every, x_name, area)]
    for one in series:
        parts.append(_fit(one, x, y))
        for point in one.points:
            parts.append(_marker(x(point.x), y(point.y), one, point))
            place = labels.place(x(point.x), y(point.y), point.label)
            if place:
                parts.append(_text(place.x, place.y, point.label, place.anchor, "label"))
    told = (f"{one.name}: " + ", ".join(p.label for p in one.points) for one in series)
    return _drawing(bottom + 32, f"{title}. {'; '.join(told)}", parts)


def stacked_bars(title: str, bars: Sequence[Bar]) -> str:
    """Draws horizontal bars, each of parts one after the other, all to one scale.

    Args:
        title: what the bars show, for those who cannot see it.
        bars: from top to bottom.
    """
    row, left = 24, 12 + GLYPH * max(len(bar.name) for bar in bars)
    right = WIDTH - 8 - GLYPH * max(len(bar.label) for bar in bars)
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
    """Returns the range of the values, widened by a share of it on both sides."""
    low, high = min(values), max(values)
    factor = max((high / low) ** share, 1.3)
    return low / factor, high * factor


def _y_axis(y: LogScale, name: Callable[[float], str], area: Box) -> Iterator[str]:
    for value in y.ticks():
        at = y(value)
        yield f'<path class="grid" d="M{area.left:.1f} {at:.1f}H{area.right:.1f}"/>'
        yield _text(area.left - 6, at + 4, name(value), "end", "axis")


def _x_axis(
    x: LogScale, points: Sequence[Point], name: Callable[[float], str], area: Box
) -> Iterator[str]:
    """Draws a mark below every point, and its name if that does not cover the one before."""
    yield f'<path class="base" d="M{area.left:.1f} {area.bottom:.1f}H{area.right:.1f}"/>'
    free = -math.inf
    for value in sorted({point.x for point in points}):
        at, text = x(value), name(value)
        half = len(text) * GLYPH / 2
        yield f'<path class="base" d="M{at:.1f} {area.bottom:.1f}v5"/>'
        if at - half >= free:
            yield _text(at, area.bottom + 5 + _LINE, text, "middle", "axis")
            free = at + half + 1.5 * GLYPH


def _fit(series: Series, x: LogScale, y: LogScale) -> str:
    """Draws the fitted line, which passes through the mean of the logarithms."""
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
