"""The report for a terminal of 100 columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from spikerain_edge.profiling.document import Report

WIDTH = 100
_UNKNOWN = "-"
_LEFT = ("size", "rail", "layer", "reads", "precision", "limited by")

Row = dict[str, Any]
Column = tuple[str, Callable[[Row], str]]


def report_tables(
    typed: Report, *, table1: bool = False, per_layer: bool = False
) -> RenderableType:
    """Everything that a terminal shows of a report.

    Args:
        report: the document of docs/profile.schema.json.
        table1: show the convention of the paper's Table 1 next to the honest count.
        per_layer: show every convolution and neuron layer, at the largest size that has them.
    """
    report: dict[str, Any] = msgspec.to_builtins(typed)
    rows, outlook = report["rows"], report["outlook"]
    parts: list[RenderableType] = [_cost(report), _energy(report)]
    if any(row["measured"]["rail"] for row in rows):
        parts.append(_rails(rows))
    if table1 and report["table1"] is None:
        parts.append(_paragraph(report["table1_reason"]))
    elif table1:
        parts += [_table1(rows), _paragraph(report["table1"]["explanation"])]
    if outlook:
        parts += [_outlook(outlook), _paragraph(f"{outlook['meaning']} {outlook['source']}")]
    counted = [row for row in rows if row["layers"]]
    if per_layer and counted:
        parts += _per_layer(max(counted, key=lambda row: row["gmacs"]["dense"]))
    return Group(*parts, *map(_paragraph, _remarks(report)))


def _cost(report: dict[str, Any]) -> Table:
    model, device = report["model"], report["device"]
    threads = f"{device['threads']} thread{'s' * (device['threads'] != 1)}"
    title = (
        f"{model['name']} · T = {model['timesteps']} · {model['precision']} · "
        f"{device['backend']} · {threads}"
    )
    return _table(
        title,
        report["rows"],
        [
            ("size", _size),
            ("p50 ms", _number("latency_ms", "p50")),
            ("p95 ms", _number("latency_ms", "p95")),
            ("fps", _number("fps")),
            ("GMACs", _number("gmacs", "dense")),
            ("analog", _number("gmacs", "analog")),
            ("GSOPs", _number("gsops")),
            ("firing", _percent("firing_rate")),
            ("moved MB", _number("bytes_moved_mb")),
            ("peak MB", _number("peak_memory_mb")),
        ],
    )


def _energy(report: dict[str, Any]) -> Table:
    columns: list[Column] = [("size", _size)]
    for prices in report["prices"]:
        name = prices["name"]
        columns += [
            (name, _number("energy_mj", name)),
            ("as ANN", _number("energy_mj", f"{name}-as-ann")),
            ("less by", _number("energy_ratio", name, unit="x")),
        ]
    columns.append(("measured J", _number("measured", "joules_per_frame")))
    return _table("energy per frame, estimated in mJ, and measured in J", report["rows"], columns)


def _rails(rows: Sequence[Row]) -> Table:
    rails = [{**rail, "imgsz": row["imgsz"]} for row in rows for rail in row["measured"]["rails"]]
    return _table(
        "power rails; they may overlap",
        rails,
        [
            ("size", _size),
            ("rail", _word("rail")),
            ("J per frame", _number("joules_per_frame")),
            ("above idle", _number("net_joules_per_frame")),
            ("W", _number("watts")),
            ("idle W", _number("idle_watts")),
        ],
    )


def _table1(rows: Sequence[Row]) -> Table:
    def printed(row: Row) -> str:
        values = row["table1"]["printed"]
        return f"{values['gflops']:.3f} / {values['mj']:.1f}" if values else _UNKNOWN

    verdict = {True: "equal", False: "different", None: _UNKNOWN}
    return _table(
        "the convention of Table 1 and the honest count",
        rows,
        [
            ("size", _size),
            ("GFLOPs", lambda row: f"{row['table1']['gflops']:.3f}"),
            ("mJ", lambda row: f"{row['table1']['mj']:.1f}"),
            ("printed", printed),
            ("", lambda row: verdict[row["table1"]["matches"]]),
            ("dense GMACs", _number("gmacs", "dense")),
            ("as ANN mJ", _number("energy_mj", "snn-derain-as-ann")),
            ("spike-based mJ", _number("energy_mj", "snn-derain")),
        ],
    )


def _outlook(outlook: dict[str, Any]) -> Table:
    return _table(
        f"bounds on {outlook['name']}, not measurements",
        outlook["rows"],
        [
            ("size", _size),
            ("precision", _word("precision")),
            ("compute ms", _number("compute_ms")),
            ("memory ms", _number("memory_ms")),
            ("floor ms", _number("floor_ms")),
            ("fps below", _number("fps")),
            ("limited by", _word("limited_by")),
        ],
    )


def _per_layer(row: Row) -> list[RenderableType]:
    prices = list(row["energy_ratio"])
    layers = _table(
        f"convolutions at {_size(row)}, all timesteps",
        row["layers"],
        [
            ("layer", _word("name")),
            ("reads", lambda layer: "spikes" if layer["kind"] == "spiking" else "features"),
            ("MMACs", _number("gmacs", scale=1e3)),
            ("firing", _percent("firing_rate")),
            ("MSOPs", _number("gsops", scale=1e3)),
            *((f"{name} µJ", _number("energy_mj", name, scale=1e3)) for name in prices),
        ],
    )
    neurons = _table(
        f"neurons at {_size(row)}",
        row["neurons"],
        [
            ("layer", _word("name")),
            ("channels", _word("channels")),
            ("firing per timestep", _rates),
            ("silent channels", _percent("silent_share")),
        ],
    )
    return [layers, neurons] if row["neurons"] else [layers]


def _remarks(report: dict[str, Any]) -> list[str]:
    rows = report["rows"]
    return [
        *(f"{_size(row)}: {row['problem']}" for row in rows if row["problem"]),
        *_once(row["spikes_reason"] for row in rows if not row["problem"]),
        *(
            f"measured energy: {reason}"
            for reason in _once(row["measured"]["reason"] for row in rows if not row["problem"])
        ),
        _growth(report["scaling"]),
        *map(_prices, report["prices"]),
        *report["notes"],
    ]


def _growth(scaling: dict[str, Any]) -> str:
    grown = [
        f"{name} with exponent {scaling[name]['exponent']:.3f} (R2 {scaling[name]['r2']:.4f})"
        for name in ("latency", "operations", "energy")
        if scaling[name]
    ]
    largest = scaling["largest_size"]
    side = f"largest square {largest['side']} pixels, " if largest["side"] else ""
    start = f"growth with the pixels: {', '.join(grown)}; " if grown else ""
    return f"{start}{side}{largest['how']}"


def _prices(prices: dict[str, Any]) -> str:
    neuron = f", {prices['neuron_pj']:g} pJ per spike" if prices["neuron_pj"] else ""
    return (
        f"{prices['name']}: {prices['mac_pj']:g} pJ per analogue MAC, "
        f"{prices['sop_pj'] * 1e3:g} fJ per SOP{neuron}; without {prices['leaves_out']}"
    )


def _table(title: str, rows: Iterable[Row], columns: Sequence[Column]) -> Table:
    """A table whose cells are made by one function per column, numbers to the right."""
    table = Table(title=Text(title), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for heading, _ in columns:
        table.add_column(heading, justify="left" if heading in _LEFT else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(cell(row)) for _, cell in columns))
    return table


def _paragraph(text: str) -> RenderableType:
    return Padding(Text(text, style="dim"), (0, 0, 1, 0))


def _once(reasons: Iterable[str | None]) -> list[str]:
    """Reasons without repetition, in order."""
    return list(dict.fromkeys(reason for reason in reasons if reason))


def _at(row: Row, path: Sequence[str]) -> Any:
    """The value at a path of names; none where something on the way is."""
    value: Any = row
    for name in path:
        value = None if value is None else value[name]
    return value


def _word(name: str) -> Callable[[Row], str]:
    return lambda row: str(row[name])


def _percent(name: str) -> Callable[[Row], str]:
    return lambda row: _UNKNOWN if row[name] is None else f"{row[name]:.1%}"


def _number(*path: str, scale: float = 1.0, unit: str = "") -> Callable[[Row], str]:
    """Makes cells of the number at a path, multiplied by `scale`."""

    def cell(row: Row) -> str:
        value = _at(row, path)
        return _UNKNOWN if value is None else f"{_three_digits(value * scale)}{unit}"

    return cell


def _three_digits(value: float) -> str:
    """Three or more significant digits, without an exponent."""
    if value == 0:
        return "0"
    for limit, decimals in ((100, 0), (10, 1), (1, 2), (0.1, 3), (0.001, 4)):
        if abs(value) >= limit:
            return f"{value:.{decimals}f}"
    return "<0.001"


def _size(row: Row) -> str:
    height, width = row["imgsz"]
    return f"{width}x{height}"


def _rates(layer: Row) -> str:
    return " ".join(f"{rate:.3f}" for rate in layer["firing_rate_per_timestep"])
