"""The plots of the page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from spikerain_edge.profiling.html import rows as of
from spikerain_edge.profiling.html.rows import Row
from spikerain_edge.profiling.html.text import (
    GAP,
    TIMES,
    escaped,
    percent,
    pixels,
    quantity,
    size,
    tick,
)
from spikerain_edge.profiling.svg import Bar, Point, Series, log_plot, stacked_bars

HEAT_LIMITS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
"""Firing rates at which the heat map changes its colour. They are the same in every report, so
that two reports can be laid side by side."""

_FITTED = "per frame; fit of the estimate"
_LEAST_POINTS = 2


def scaling(report: dict[str, Any]) -> str:
    """Time, operations and energy against pixels."""
    rows: list[Row] = report["rows"]
    fits = report["scaling"]
    time = _series("mean time", rows, lambda row: of.latency(row, "mean"), "s", fits["latency"])
    operations = _series(
        "operations", rows, lambda row: of.macs(row, "dense"), "MAC", fits["operations"]
    )
    estimate = _series(
        "estimated, snn-derain",
        rows,
        lambda row: of.estimated(row, "snn-derain"),
        "J",
        fits["energy"],
    )
    meter = _series("measured", rows, of.measured, "J", None, "series-2")
    names = {float(pixels(row["padded"])): _side(row["imgsz"]) for row in rows}
    return (
        _plot("Time", "mean per frame", [time], "s", fits["latency"], names)
        + _plot("Operations", "dense", [operations], "MAC", fits["operations"], names)
        + _plot("Energy", _FITTED, [estimate, meter], "J", fits["energy"], names)
    )


def _series(
    name: str,
    rows: Sequence[Row],
    figure: Callable[[Row], float | None],
    unit: str,
    fit: dict[str, float] | None,
    style: str = "series-1",
) -> Series:
    """The sizes that have a figure; without a second one there is no line to draw."""
    found = [(float(pixels(row["padded"])), figure(row)) for row in rows]
    points = [Point(x, y, quantity(y, unit, 2)) for x, y in found if y]
    return Series(name, points, style, fit["exponent"] if fit and len(points) > 1 else None)


def _plot(
    title: str,
    note: str,
    series: Sequence[Series],
    unit: str,
    fit: dict[str, float] | None,
    names: dict[float, str],
) -> str:
    """A plot and its key; words where it would show a single point or none."""
    shown = [one for one in series if one.points]
    most = max((len(one.points) for one in shown), default=0)
    if most < _LEAST_POINTS:
        words = "One size alone shows no growth." if most else "No size has this figure."
        drawing, law = f"<p class='words'>{words}</p>", ""
    else:
        drawing = log_plot(f"{title} against image size", shown, names.__getitem__, _tick(unit))
        law = f"<em>{_law(fit)}</em>"
    keys = "".join(f'<span class="key {one.style}">{one.name}</span>' for one in shown)
    legend = f"<p class='legend'>{keys}</p>" if len(series) > 1 and keys else ""
    return (
        f"<figure><figcaption><strong>{title}</strong> <span>{note}</span>{law}</figcaption>"
        f"{drawing}{legend}</figure>"
    )


def _tick(unit: str) -> Callable[[float], str]:
    return lambda value: tick(value, unit)


def _law(fit: dict[str, float] | None) -> str:
    if fit is None:
        return "no fit: that takes two sizes of different area"
    power = f"{fit['exponent']:.2f}"
    return f"∝ pixels<sup>{power}</sup> <small>R² {fit['r2']:.4f}</small>"


def _side(imgsz: Sequence[int]) -> str:
    """A size in little room: the square of a side, or width and height."""
    height, width = imgsz
    return f"{width}²" if width == height else f"{width}{TIMES}{height}"


def breakdown(report: dict[str, Any]) -> str:
    """Where the operations and the energy go, stage by stage."""
    row = of.most_detailed(report["rows"], "layers")
    if row is None:
        return "<p class='words'>No size was counted.</p>"
    panels = [_bars("Operations", "dense", row, lambda layer: layer["gmacs"] * 1e9, "MAC")]
    for prices in report["prices"]:
        name = prices["name"]
        panels.append(_bars("Energy", f"{name} prices", row, _energy_of(name), "J"))
    return f'<div class="plots">{"".join(panels)}</div>'


def _energy_of(prices: str) -> Callable[[dict[str, Any]], float | None]:
    def joules(layer: dict[str, Any]) -> float | None:
        energy = layer["energy_mj"][prices]
        return None if energy is None else float(energy) * 1e-3

    return joules


def _bars(
    title: str,
    note: str,
    row: Row,
    figure: Callable[[dict[str, Any]], float | None],
    unit: str,
) -> str:
    caption = f"<figcaption><strong>{title}</strong> <span>{escaped(note)}</span></figcaption>"
    totals: dict[str, dict[str, float]] = defaultdict(lambda: {"spiking": 0.0, "analog": 0.0})
    for layer in row["layers"]:
        value = figure(layer)
        if value is None:
            words = f"Not known: {escaped(row['spikes_reason'] or 'spikes are missing')}"
            return f"<figure>{caption}<p class='words'>{words}</p></figure>"
        totals[_stage(layer["name"])][layer["kind"]] += value
    whole = sum(sum(parts.values()) for parts in totals.values()) or 1.0
    bars = [
        Bar(
            stage,
            [(f"part-{kind}", parts[kind]) for kind in ("spiking", "analog")],
            f"{quantity(sum(parts.values()), unit, 2)} · {percent(sum(parts.values()) / whole)}",
        )
        for stage, parts in totals.items()
    ]
    return f"<figure>{caption}{stacked_bars(f'{title}, {note}', bars)}</figure>"


def heat_map(report: dict[str, Any]) -> str:
    """Firing rates of every neuron layer at every timestep."""
    row = of.most_detailed(report["rows"], "neurons")
    if row is None:
        reasons = {row["spikes_reason"] for row in report["rows"]} - {None}
        words = "; ".join(sorted(reasons)) or "no frame was looked at"
        return f"<p class='words'>Firing rates are not known: {escaped(words)}</p>"
    blocks = "".join(_block(*block) for block in _blocks(row["neurons"]).items())
    return (
        f"<p>Share of neurons that fire, in per cent, at {size(row['imgsz'])}. "
        "<em>Silent</em> is the share of channels in which no neuron fires at any timestep.</p>"
        f"{_legend()}<div class='heat'>{blocks}</div>"
    )


def _block(block: str, neurons: Sequence[dict[str, Any]]) -> str:
    """A part of the map: the layers of one block of the network."""
    steps = len(neurons[0]["firing_rate_per_timestep"])
    heads = "".join(f'<th scope="col">t = {step + 1}</th>' for step in range(steps))
    lines = "".join(
        f'<tr><th scope="row">{_layer_name(block, layer["name"])}</th>'
        + "".join(_heat_cell(rate) for rate in layer["firing_rate_per_timestep"])
        + f"<td>{_per_cent(layer['silent_share'])}</td></tr>"
        for layer in neurons
    )
    return (
        f'<table><thead><tr><th scope="col">{escaped(block)}</th>{heads}'
        f'<th scope="col">silent</th></tr></thead><tbody>{lines}</tbody></table>'
    )


def _blocks(neurons: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The layers of each block, in the order of the network."""
    blocks: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for layer in neurons:
        parts = layer["name"].split(".")
        # A stage of several blocks numbers them: `encoder1.0.neurons.0`, but `down1.neuron`.
        blocks[".".join(parts[: 2 if len(parts) > 1 and parts[1].isdigit() else 1])].append(layer)
    return blocks


def _heat_cell(rate: float) -> str:
    return f'<td class="heat-{_heat(rate)}">{_per_cent(rate)}</td>'


def _heat(rate: float) -> int:
    return sum(rate >= limit for limit in HEAT_LIMITS)


def _legend() -> str:
    """The colours, each with the rate it begins at."""
    least = [f"&lt;&nbsp;{HEAT_LIMITS[0] * 100:.0f}"]
    least += [f"≥&nbsp;{limit * 100:.0f}" for limit in HEAT_LIMITS]
    keys = "".join(f'<li class="heat-{index}">{text}</li>' for index, text in enumerate(least))
    return f"<ul class='heat-legend' aria-label='colours of firing rates, per cent'>{keys}</ul>"


def _per_cent(share: float) -> str:
    """A share in per cent without the sign: `3.1`, `0`, `100`."""
    value = share * 100
    if 0 < value < 0.05:
        return f"<{GAP}0.1"
    return f"{value:.0f}" if value == 0 or value >= 99.95 else f"{value:.1f}"


def _layer_name(block: str, name: str) -> str:
    """The name; what the head of the block says already is there for those who cannot see it."""
    start = f"{block}."
    rest = name.removeprefix(start)
    if rest == name:
        return escaped(name)
    return f'<span class="aside">{escaped(start)}</span>{escaped(rest).replace(".", ".<wbr>")}'


def _stage(name: str) -> str:
    return name.partition(".")[0]
