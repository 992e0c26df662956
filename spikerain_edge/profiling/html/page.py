"""The page: what a reader wants first, then everything else."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import msgspec

from spikerain_edge.profiling.document import Report
from spikerain_edge.profiling.html import figures, tables
from spikerain_edge.profiling.html import rows as of
from spikerain_edge.profiling.html.rows import Row
from spikerain_edge.profiling.html.summary import summary
from spikerain_edge.profiling.html.text import (
    GAP,
    TIMES,
    either,
    escaped,
    percent,
    quantity,
    rounded,
    scaled,
    size,
)

_UNKNOWN = "not known"


def render(typed: Report) -> str:
    """Draws a report.

    Args:
        report: the JSON document of `spikerain-edge profile`, see docs/profile.schema.json.

    Returns:
        A whole HTML file. It asks for nothing from outside and runs no script.
    """
    report: dict[str, Any] = msgspec.to_builtins(typed)
    style = files("spikerain_edge.profiling.html").joinpath("report.css").read_text("utf-8")
    title = f"{_title(report)} · spikerain-edge profile"
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escaped(title)}</title><style>{style}</style></head>"
        f"<body>{_header(report)}<main>{''.join(_sections(report))}</main>"
        f"{_footer(report)}</body></html>\n"
    )


def _sections(report: dict[str, Any]) -> list[str]:
    rows: list[Row] = report["rows"]
    if not rows:
        return [_section("Figures", "<p>No size was profiled.</p>")]
    sections = [
        _headline(of.largest(rows)),
        _section("All figures", summary(report)),
        _section("Growth with the image", _scaling(report)),
        _section("Where it goes", _breakdown(report)),
        _section("Firing rates", figures.heat_map(report)),
    ]
    if report["outlook"] is not None:
        name = escaped(report["outlook"]["name"])
        title = f"{name}: what it allows at best"
        sections.append(
            _section(title, tables.outlook(report), "A bound, not a measurement", "bound")
        )
    sections += [
        _section("Table 1 of the paper", tables.table1(report)),
        _section("Prices of the estimates", f"<div class='prices'>{tables.prices(report)}</div>"),
        _section("Circumstances", _circumstances(report)),
    ]
    detailed = of.most_detailed(rows, "layers")
    if detailed is not None:
        sections.append(_layers(detailed))
    return sections


def _section(title: str, content: str, badge: str = "", style: str = "") -> str:
    """A part of the page; title and content are markup already."""
    mark = f' <span class="badge">{badge}</span>' if badge else ""
    attribute = f' class="{style}"' if style else ""
    return f"<section{attribute}><h2>{title}{mark}</h2>{content}</section>"


def _title(report: dict[str, Any]) -> str:
    return f"{report['model']['name']} on {_machine(report)}"


def _machine(report: dict[str, Any]) -> str:
    device = report["device"]
    return str(device["name"] or device["cpu"] or device["architecture"])


def _header(report: dict[str, Any]) -> str:
    model, device = report["model"], report["device"]
    facts = (
        f"{escaped(device['backend'])}, {device['threads']} "
        f"thread{'' if device['threads'] == 1 else 's'}",
        f"{escaped(model['precision'])}, T = {model['timesteps']}",
        f"{model['parameters']:,} parameters",
        f'<time datetime="{escaped(report["created"])}">{_moment(report["created"])}</time>',
    )
    listed = "".join(f"<li>{fact}</li>" for fact in facts)
    return (
        '<header><p class="brand">spikerain-edge profile</p>'
        f"<h1>{escaped(model['name'])} <span>on {escaped(_machine(report))}</span></h1>"
        f"<ul class='facts'>{listed}</ul></header>"
    )


def _moment(created: str) -> str:
    """A time stamp without seconds; it is in UTC."""
    return escaped(created[:16].replace("T", " ")) + " UTC"


def _headline(row: Row | None) -> str:
    """The four figures that matter, at the largest size."""
    if row is None:
        return ""
    cards = "".join((_time_card(row), _operations_card(row), _estimate_card(row), _meter_card(row)))
    return (
        f'<section class="headline"><h2>A frame of {size(row["imgsz"])}</h2>'
        f'<div class="cards">{cards}</div></section>'
    )


def _card(name: str, figure: str, note: str, style: str = "") -> str:
    """A figure that stands for itself; all markup already."""
    return (
        f'<div class="card {style}"><h3>{name}</h3><p class="figure">{_split(figure)}</p>'
        f"<p>{note}</p></div>"
    )


def _split(figure: str) -> str:
    """A quantity with its unit in the background."""
    number, gap, unit = figure.partition(GAP)
    return f"{number}{gap}<span>{unit}</span>" if gap else figure


def _time_card(row: Row) -> str:
    if row["latency_ms"] is None:
        return _card("Time", "not timed", either(row["problem"], "no reason given"), "missing")
    slow = quantity(of.latency(row, "p95"), "s")
    return _card(
        "Time, median",
        quantity(of.latency(row, "p50"), "s"),
        f"{rounded(row['fps'])} frames per second; 95&nbsp;% within {slow}",
    )


def _operations_card(row: Row) -> str:
    dense, spiking = of.macs(row, "dense"), of.macs(row, "spiking")
    if not dense or spiking is None:
        return _card("Operations", _UNKNOWN, "the graph was not counted", "missing")
    fires = row["firing_rate"]
    activity = "" if fires is None else f"; {percent(fires)} of neurons fire"
    note = f"dense, {percent(spiking / dense)} of them on spikes{activity}"
    return _card("Operations", quantity(dense, "MAC"), note)


def _estimate_card(row: Row) -> str:
    energy, ratio = of.estimated(row, "snn-derain"), row["energy_ratio"]["snn-derain"]
    if energy is None:
        reason = either(row["spikes_reason"], "no reason given")
        return _card("Energy, estimated", _UNKNOWN, reason, "missing")
    less = "" if ratio is None else f"; {rounded(ratio, 2)}{GAP}{TIMES} less than as an ANN"
    note = f"snn-derain prices, operations only{less}"
    return _card("Energy, estimated", quantity(energy, "J"), note)


def _meter_card(row: Row) -> str:
    energy = of.measured(row)
    if energy is None:
        return _card("Energy, measured", "not measured", "the table below says why", "missing")
    extra = of.above_idle(row)
    beyond = "" if extra is None else f"; {quantity(extra, 'J')} above idle"
    note = f"{either(row['measured']['rail'], 'a rail')}, idle power included{beyond}"
    return _card("Energy, measured", quantity(energy, "J"), note, "measured")


def _scaling(report: dict[str, Any]) -> str:
    largest = report["scaling"]["largest_size"]
    side = largest["side"]
    square = "not known" if side is None else f"<strong>{size((side, side))}</strong>"
    words = f"Largest square that fits: {square} ({escaped(largest['how'])})"
    return (
        "<p>Both axes are logarithmic; 256² is short for 256 &times; 256.</p>"
        f'<div class="plots">{figures.scaling(report)}</div><p>{words}</p>'
    )


def _breakdown(report: dict[str, Any]) -> str:
    row = of.most_detailed(report["rows"], "layers")
    where = f" at {size(row['imgsz'])}" if row else ""
    return (
        f"<p class='legend'>Convolutions, stage by stage{where}: "
        '<span class="key part-spiking">on spikes</span>'
        '<span class="key part-analog">analogue</span></p>'
        f"{figures.breakdown(report)}"
    )


def _circumstances(report: dict[str, Any]) -> str:
    device, model, settings = report["device"], report["model"], report["settings"]
    clock, heat = device["clock_mhz"], device["temperature_c"]
    entries = {
        "machine": either(device["name"], _UNKNOWN),
        "processor": f"{either(device['cpu'], _UNKNOWN)} ({escaped(device['architecture'])}), "
        f"{device['cores']} cores",
        "memory": quantity(scaled(device["memory_mb"], 1e6), "B"),
        "clock": f"{clock['current']:.0f} of {clock['max']:.0f} MHz" if clock else _UNKNOWN,
        "governor": either(device["governor"], _UNKNOWN),
        "power mode": either(device["power_mode"], "none on this machine"),
        "temperature": f"{heat['before']:.0f} °C before, {heat['after']:.0f} °C after"
        if heat
        else _UNKNOWN,
        "throttling": either(device["throttling"], _UNKNOWN),
        "system": escaped(device["os"]),
        "versions": escaped(", ".join(f"{k} {v}" for k, v in device["versions"].items())),
        "weights": f"{quantity(scaled(model['weight_mb'], 1e6), 'B')}, SHA-256 "
        f"<code>{escaped(model['weights_sha256'][:16])}…</code>",
        "frames": f"{settings['warmup']} to warm up, {settings['iterations']} timed; spikes on "
        f"{settings['frames']} of {escaped(settings['images'])}",
    }
    listed = "".join(f"<div><dt>{k}</dt><dd>{v}</dd></div>" for k, v in entries.items())
    notes = "".join(f"<li>{escaped(note)}</li>" for note in report["notes"])
    return f"<dl class='device'>{listed}</dl>" + (f"<ul>{notes}</ul>" if notes else "")


def _layers(row: Row) -> str:
    title = f"Every convolution at {size(row['imgsz'])}"
    return f"<section><details><summary>{title}</summary>{tables.layers(row)}</details></section>"


def _footer(report: dict[str, Any]) -> str:
    version = escaped(report["schema"])
    return (
        "<footer><p>Drawn from the JSON document of <code>spikerain-edge profile</code>, schema "
        f"{version}. Estimates price operations; only what is called measured was measured.</p>"
        "</footer>"
    )
