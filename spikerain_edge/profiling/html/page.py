"""The page, from templates: the headline first, then everything else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from spikerain_edge.profiling.document import Report
from spikerain_edge.profiling.html import text
from spikerain_edge.profiling.html.plots import breakdown, growth
from spikerain_edge.profiling.html.summary import groups
from spikerain_edge.profiling.records import NeuronRow, Row
from spikerain_edge.profiling.whole_energy import activation_bits, rival_name

HEAT_LIMITS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
"""Firing rates at which the heat map changes its colour. They are the same in every report, so
that two reports can be laid side by side."""


def render(report: Report) -> str:
    """Makes the page of a report.

    Returns:
        A whole HTML file. It asks for nothing from outside and runs no script.
    """
    rows, device = report.rows, report.device
    counted = _largest([row for row in rows if row.layers])
    watched = _largest([row for row in rows if row.neurons])
    page = _environment().get_template("page.html")
    return page.render(
        report=report,
        machine=device.name or device.cpu or device.architecture,
        largest=_headline(rows),
        rival=rival_name(activation_bits(report.model.timesteps)),
        groups=groups(report),
        growth=growth(report),
        counted=counted,
        breakdown=breakdown(counted, report.prices) if counted else [],
        watched=watched,
        blocks=_blocks(watched.neurons) if watched else {},
        heat_limits=HEAT_LIMITS,
    )


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("spikerain_edge.profiling.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    filters: dict[str, Callable[..., Any]] = {
        "heat": _heat,
        "per_cent": text.per_cent,
        "percent": text.percent,
        "quantity": text.quantity,
        "rounded": text.rounded,
        "size": text.size,
    }
    environment.filters.update(filters)
    return environment


def _headline(rows: Sequence[Row]) -> Row | None:
    """Returns the largest size that ran, else the largest that was counted."""
    ran = [row for row in rows if row.latency_ms]
    return _largest(ran or [row for row in rows if row.gmacs])


def _largest(rows: Sequence[Row]) -> Row | None:
    return max(rows, key=lambda row: text.pixels(row.imgsz), default=None)


def _blocks(neurons: Sequence[NeuronRow]) -> dict[str, list[NeuronRow]]:
    """Groups layers by block, in the order of the network."""
    blocks: dict[str, list[NeuronRow]] = defaultdict(list)
    for layer in neurons:
        parts = layer.name.split(".")
        # A stage of several blocks numbers them: `encoder1.0.neurons.0`, but `down1.neuron`.
        blocks[".".join(parts[: 2 if len(parts) > 1 and parts[1].isdigit() else 1])].append(layer)
    return blocks


def _heat(rate: float) -> int:
    """Number of the colour of a firing rate."""
    return sum(rate >= limit for limit in HEAT_LIMITS)
