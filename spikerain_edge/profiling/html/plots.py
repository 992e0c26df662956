"""The plots of the page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from spikerain_edge.profiling.document import PowerLaw, Price, Report
from spikerain_edge.profiling.html.svg import Bar, Point, Series, log_plot, stacked_bars
from spikerain_edge.profiling.html.text import TIMES, percent, pixels, quantity, tick
from spikerain_edge.profiling.records import LayerRow, Row, Size

_LEAST_POINTS = 2


@dataclass(frozen=True)
class Plot:
    """A plot with its caption.

    Attributes:
        title: what is plotted.
        note: what holds for all of it.
        drawing: SVG; empty where there is nothing to draw.
        words: why there is nothing to draw.
        keys: what a legend has to tell apart.
        fit: the law of the fitted line; none where there is none.
    """

    title: str
    note: str
    drawing: str = ""
    words: str = ""
    keys: Sequence[Series] = ()
    fit: PowerLaw | None = None


def growth(report: Report) -> list[Plot]:
    """Plots time, operations and energy against pixels."""
    rows, fits, prices = report.rows, report.scaling, report.prices[0].name
    names = {float(pixels(row.padded)): _side(row.imgsz) for row in rows}

    def series(
        name: str,
        unit: str,
        figure: Callable[[Row], float | None],
        fit: PowerLaw | None,
        style: str = "series-1",
    ) -> Series:
        """Collects the sizes that have a figure. A fitted line needs two of them."""
        found = [(float(pixels(row.padded)), figure(row)) for row in rows]
        points = [Point(x, y, quantity(y, unit, digits=2)) for x, y in found if y]
        return Series(name, points, style, fit.exponent if fit and len(points) > 1 else None)

    def plot(title: str, note: str, unit: str, every: list[Series], fit: PowerLaw | None) -> Plot:
        """Draws series, or says in words why there are too few points."""
        shown = [one for one in every if one.points]
        keys = shown if len(every) > 1 else []
        most = max((len(one.points) for one in shown), default=0)
        if most < _LEAST_POINTS:
            words = "One size alone shows no growth." if most else "No size has this figure."
            return Plot(title, note, words=words, keys=keys)
        told = f"{title} against image size"
        drawing = log_plot(told, shown, names.__getitem__, lambda value: tick(value, unit))
        return Plot(title, note, drawing, keys=keys, fit=fit)

    time = series("mean time", "s", _mean_seconds, fits.latency)
    macs = series("operations", "MAC", _dense_macs, fits.operations)
    estimate = series(
        f"estimated, {prices}", "J", lambda row: _joules(row.energy_mj[prices]), fits.energy
    )
    meter = series("measured", "J", lambda row: row.measured.joules_per_frame, None, "series-2")
    return [
        plot("Time", "mean per frame", "s", [time], fits.latency),
        plot("Operations", "dense", "MAC", [macs], fits.operations),
        plot("Energy", "per frame; fit of the estimate", "J", [estimate, meter], fits.energy),
    ]


def breakdown(row: Row, prices: Sequence[Price]) -> list[Plot]:
    """Plots the operations and the energy of a size, stage by stage."""
    reason = f"Not known: {row.spikes_reason or 'spikes are missing'}"
    macs = _bars("Operations", "dense", row, lambda layer: layer.gmacs * 1e9, "MAC", reason)
    return [macs, *(_energy_bars(row, each.name, reason) for each in prices)]


def _energy_bars(row: Row, prices: str, reason: str) -> Plot:
    def joules(layer: LayerRow) -> float | None:
        return _joules(layer.energy_mj[prices])

    return _bars("Energy", f"{prices} prices", row, joules, "J", reason)


def _bars(
    title: str,
    note: str,
    row: Row,
    figure: Callable[[LayerRow], float | None],
    unit: str,
    reason: str,
) -> Plot:
    totals: dict[str, dict[str, float]] = defaultdict(lambda: {"spiking": 0.0, "analog": 0.0})
    for layer in row.layers:
        value = figure(layer)
        if value is None:
            return Plot(title, note, words=reason)
        totals[layer.name.partition(".")[0]][layer.kind] += value
    whole = sum(sum(parts.values()) for parts in totals.values()) or 1.0
    bars = [
        Bar(
            stage,
            [(f"part-{kind}", value) for kind, value in parts.items()],
            f"{quantity(sum(parts.values()), unit, digits=2)}"
            f" · {percent(sum(parts.values()) / whole)}",
        )
        for stage, parts in totals.items()
    ]
    return Plot(title, note, stacked_bars(f"{title}, {note}", bars))


def _mean_seconds(row: Row) -> float | None:
    return row.latency_ms.mean * 1e-3 if row.latency_ms else None


def _dense_macs(row: Row) -> float | None:
    return row.gmacs.dense * 1e9 if row.gmacs else None


def _joules(millijoules: float | None) -> float | None:
    return None if millijoules is None else millijoules * 1e-3


def _side(imgsz: Size) -> str:
    """Writes a size in little room: the square of a side, or width and height."""
    height, width = imgsz
    return f"{width}²" if width == height else f"{width}{TIMES}{height}"
