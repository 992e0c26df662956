"""The benchmark as one HTML page that needs nothing else: no network, no script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from spikerain_edge.profiling.html.svg import Point, Series, log_plot
from spikerain_edge.profiling.html.text import TIMES, pixels, quantity, tick
from spikerain_export.benchmark.document import Row
from spikerain_export.benchmark.tables import HEADINGS, cells, reasons

_STYLES = 6


@dataclass(frozen=True)
class Plot:
    """Time against pixels of one model.

    Attributes:
        model: name of the model.
        drawing: SVG; empty if there are too few points.
        keys: the series, for the legend.
    """

    model: str
    drawing: str
    keys: Sequence[Series]


def render(rows: Sequence[Row], machine: str) -> str:
    """Makes the page.

    Args:
        rows: what was measured.
        machine: name of the machine.
    """
    environment = Environment(
        loader=ChoiceLoader(
            [
                PackageLoader("spikerain_export.benchmark"),
                PackageLoader("spikerain_edge.profiling.html"),
            ]
        ),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("benchmark.html").render(
        machine=machine,
        headings=HEADINGS,
        lines=[cells(row, rows) for row in rows],
        plots=[plot(model, rows) for model in dict.fromkeys(row.model for row in rows)],
        reasons=reasons(rows),
    )


def plot(model: str, rows: Sequence[Row]) -> Plot:
    """Plots the median time of each format of a model against pixels."""
    found: dict[str, list[Point]] = {}
    names: dict[float, str] = {}
    for row in rows:
        if row.model == model and row.latency_ms is not None:
            x, seconds = float(pixels(row.imgsz)), row.latency_ms.p50 * 1e-3
            names[x] = f"{row.imgsz[1]}{TIMES}{row.imgsz[0]}"
            point = Point(x, seconds, quantity(seconds, "s", digits=2))
            found.setdefault(f"{row.format} {row.backend}", []).append(point)
    series = [
        Series(name, points, f"series-{number % _STYLES + 1}")
        for number, (name, points) in enumerate(found.items())
    ]
    if not series:
        return Plot(model, "", ())
    title = f"Median time of {model} against image size"
    drawing = log_plot(title, series, names.__getitem__, lambda value: tick(value, "s"))
    return Plot(model, drawing, series)
