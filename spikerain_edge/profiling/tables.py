"""The report for a terminal; all tables but those of layers fit 80 columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from spikerain_edge.profiling.document import Outlook, Price, Report, Scaling
from spikerain_edge.profiling.energy import as_ann
from spikerain_edge.profiling.records import LayerRow, NeuronRow, Row, Size, Table1Row

WIDTH = 100
_UNKNOWN = "-"
_UNIT = re.compile(r" (ms|MB|mJ|J|µJ|per timestep|channels|below)$")
_LEFT = ("size", "rail", "layer", "reads", "precision", "limited by")

Line = TypeVar("Line")
Column = tuple[str, Callable[[Line], str]]


def report_tables(
    report: Report, *, table1: bool = False, per_layer: bool = False
) -> RenderableType:
    """Makes the tables that a terminal shows.

    Args:
        report: what to show.
        table1: show the convention of the paper's Table 1 next to the honest count.
        per_layer: show every convolution and neuron layer, at the largest size that has them.
    """
    parts: list[RenderableType] = [_cost(report), _energy(report)]
    if any(row.measured.rail for row in report.rows):
        parts.append(_rails(report.rows))
    if table1 and report.table1 is None:
        parts.append(_paragraph(report.table1_reason or ""))
    elif table1 and report.table1:
        parts += [_table1(report), _paragraph(report.table1.explanation)]
    if report.outlook:
        words = f"{report.outlook.meaning} {report.outlook.source}"
        parts += [_outlook(report.outlook), _paragraph(words)]
    counted = [row for row in report.rows if row.layers]
    if per_layer and counted:
        largest = max(counted, key=lambda row: row.gmacs.dense if row.gmacs else 0)
        parts += _per_layer(largest, report.prices)
    return Group(*parts, *map(_paragraph, _remarks(report)))


def _cost(report: Report) -> RenderableType:
    model, device = report.model, report.device
    threads = f"{device.threads} thread{'s' * (device.threads != 1)}"
    columns: list[Column[Row]] = [
        ("size", lambda row: _size(row.imgsz)),
        ("p50 ms", lambda row: _number(row.latency_ms.p50 if row.latency_ms else None)),
        ("p95 ms", lambda row: _number(row.latency_ms.p95 if row.latency_ms else None)),
        ("fps", lambda row: _number(row.fps)),
        ("GMACs", lambda row: _number(row.gmacs.dense if row.gmacs else None)),
        ("analog", lambda row: _number(row.gmacs.analog if row.gmacs else None)),
        ("GSOPs", lambda row: _number(row.gsops)),
        ("firing", lambda row: _percent(row.firing_rate)),
        ("moved MB", lambda row: _number(row.bytes_moved_mb)),
        ("peak MB", lambda row: _number(row.peak_memory_mb)),
    ]
    title = f"{model.name} · T = {model.timesteps} · {model.precision} · {device.backend}"
    return _table(f"{title} · {threads}", report.rows, columns)


def _energy(report: Report) -> RenderableType:
    columns: list[Column[Row]] = [("size", lambda row: _size(row.imgsz))]
    for prices in report.prices:
        columns += _energy_columns(prices.name)
    columns.append(("measured J", lambda row: _number(row.measured.joules_per_frame)))
    return _table("energy per frame, estimated in mJ, and measured in J", report.rows, columns)


def _energy_columns(prices: str) -> list[Column[Row]]:
    return [
        (prices, lambda row: _number(row.energy_mj[prices])),
        ("as ANN", lambda row: _number(row.energy_mj[as_ann(prices)])),
        ("less by", lambda row: _number(row.energy_ratio[prices], unit="x")),
    ]


def _rails(rows: Sequence[Row]) -> RenderableType:
    return _table(
        "power rails; they may overlap",
        [(row.imgsz, rail) for row in rows for rail in row.measured.rails],
        [
            ("size", lambda line: _size(line[0])),
            ("rail", lambda line: line[1].rail),
            ("J per frame", lambda line: _number(line[1].joules_per_frame)),
            ("above idle", lambda line: _number(line[1].net_joules_per_frame)),
            ("W", lambda line: _number(line[1].watts)),
            ("idle W", lambda line: _number(line[1].idle_watts)),
        ],
    )


def _table1(report: Report) -> RenderableType:
    prices = report.prices[0].name
    verdict = {True: "equal", False: "different", None: _UNKNOWN}
    return _table(
        "the convention of Table 1 and the honest count",
        [(row, row.table1) for row in report.rows if row.table1],
        [
            ("size", lambda line: _size(line[0].imgsz)),
            ("GFLOPs", lambda line: f"{line[1].gflops:.3f}"),
            ("mJ", lambda line: f"{line[1].mj:.1f}"),
            ("printed", lambda line: _printed(line[1])),
            ("", lambda line: verdict[line[1].matches]),
            ("dense GMACs", lambda line: _number(line[0].gmacs.dense if line[0].gmacs else None)),
            ("as ANN mJ", lambda line: _number(line[0].energy_mj[as_ann(prices)])),
            ("spike-based mJ", lambda line: _number(line[0].energy_mj[prices])),
        ],
    )


def _printed(row: Table1Row) -> str:
    return f"{row.printed.gflops:.3f} / {row.printed.mj:.1f}" if row.printed else _UNKNOWN


def _outlook(outlook: Outlook) -> RenderableType:
    return _table(
        f"bounds on {outlook.name}, not measurements",
        outlook.rows,
        [
            ("size", lambda bound: _size(bound.imgsz)),
            ("precision", lambda bound: bound.precision),
            ("compute ms", lambda bound: _number(bound.compute_ms)),
            ("memory ms", lambda bound: _number(bound.memory_ms)),
            ("floor ms", lambda bound: _number(bound.floor_ms)),
            ("fps below", lambda bound: _number(bound.fps)),
            ("limited by", lambda bound: bound.limited_by),
        ],
    )


def _per_layer(row: Row, prices: Sequence[Price]) -> list[RenderableType]:
    layers = _table(
        f"convolutions at {_size(row.imgsz)}, all timesteps",
        row.layers,
        [
            ("layer", lambda layer: layer.name),
            ("reads", lambda layer: "spikes" if layer.kind == "spiking" else "features"),
            ("MMACs", lambda layer: _number(layer.gmacs, 1e3)),
            ("firing", lambda layer: _percent(layer.firing_rate)),
            ("MSOPs", lambda layer: _number(layer.gsops, 1e3)),
            *(_layer_energy(each.name) for each in prices),
        ],
    )
    neurons = _table(
        f"neurons at {_size(row.imgsz)}",
        row.neurons,
        [
            ("layer", lambda layer: layer.name),
            ("channels", lambda layer: str(layer.channels)),
            ("firing per timestep", _rates),
            ("silent channels", lambda layer: _percent(layer.silent_share)),
        ],
    )
    return [layers, neurons] if row.neurons else [layers]


def _layer_energy(prices: str) -> Column[LayerRow]:
    return f"{prices} µJ", lambda layer: _number(layer.energy_mj[prices], 1e3)


def _rates(neurons: NeuronRow) -> str:
    return " ".join(f"{rate:.3f}" for rate in neurons.firing_rate_per_timestep)


def _remarks(report: Report) -> list[str]:
    worked = [row for row in report.rows if not row.problem]
    return [
        *(f"{_size(row.imgsz)}: {row.problem}" for row in report.rows if row.problem),
        *_once(row.spikes_reason for row in worked),
        *(f"measured energy: {reason}" for reason in _once(row.measured.reason for row in worked)),
        _growth(report.scaling),
        *map(_prices, report.prices),
        *report.notes,
    ]


def _growth(scaling: Scaling) -> str:
    laws = scaling.latency, scaling.operations, scaling.energy
    grown = [
        f"{name} with exponent {law.exponent:.3f} (R2 {law.r2:.4f})"
        for name, law in zip(("latency", "operations", "energy"), laws, strict=True)
        if law
    ]
    largest = scaling.largest_size
    side = f"largest square {largest.side} pixels, " if largest.side else ""
    start = f"growth with the pixels: {', '.join(grown)}; " if grown else ""
    return f"{start}{side}{largest.how}"


def _prices(prices: Price) -> str:
    neuron = f", {prices.neuron_pj:g} pJ per spike" if prices.neuron_pj else ""
    return (
        f"{prices.name}: {prices.mac_pj:g} pJ per analogue MAC, "
        f"{prices.sop_pj * 1e3:g} fJ per SOP{neuron}; without {prices.leaves_out}"
    )


def _table(title: str, lines: Iterable[Line], columns: Sequence[Column[Line]]) -> RenderableType:
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


def _paragraph(text: str) -> RenderableType:
    return Padding(Text(text, style="dim"), (0, 0, 1, 0))


def _once(reasons: Iterable[str | None]) -> list[str]:
    """Returns the reasons in order, each once."""
    return list(dict.fromkeys(reason for reason in reasons if reason))


def _percent(share: float | None) -> str:
    return _UNKNOWN if share is None else f"{share:.1%}"


def _number(value: float | None, scale: float = 1.0, unit: str = "") -> str:
    """Writes three or more significant digits, without an exponent."""
    if value is None:
        return _UNKNOWN
    scaled = value * scale
    if scaled == 0:
        return f"0{unit}"
    for limit, decimals in ((100, 0), (10, 1), (1, 2), (0.1, 3), (0.001, 4)):
        if abs(scaled) >= limit:
            return f"{scaled:.{decimals}f}{unit}"
    return f"<0.001{unit}"


def _size(imgsz: Size) -> str:
    height, width = imgsz
    return f"{width}x{height}"
