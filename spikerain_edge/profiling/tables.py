"""The report for a terminal; all tables but those of layers fit 80 columns."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType

from spikerain_edge.profiling.cells import (
    UNKNOWN,
    Column,
    number,
    once,
    paragraph,
    percent,
    size,
    table,
)
from spikerain_edge.profiling.document import Outlook, Price, Report, Scaling
from spikerain_edge.profiling.energy import as_ann
from spikerain_edge.profiling.neuromorphic_table import neuromorphic_table
from spikerain_edge.profiling.records import LayerRow, NeuronRow, Row, Table1Row
from spikerain_edge.profiling.whole_energy import activation_bits, rival_name

WIDTH = 100


def report_tables(
    report: Report, *, table1: bool = False, per_layer: bool = False
) -> RenderableType:
    """Makes the tables that a terminal shows.

    Args:
        report: what to show.
        table1: show the convention of the paper's Table 1 next to the honest count.
        per_layer: show every convolution and neuron layer, at the largest size that has them.
    """
    parts: list[RenderableType] = [_cost(report)]
    if any(row.whole_energy for row in report.rows):
        parts.append(_whole_energy(report))
    parts.append(_energy(report))
    if any(row.measured.rail for row in report.rows):
        parts.append(_rails(report.rows))
    if table1 and report.table1 is None:
        parts.append(paragraph(report.table1_reason or ""))
    elif table1 and report.table1:
        parts += [_table1(report), paragraph(report.table1.explanation)]
    if report.outlook:
        words = f"{report.outlook.meaning} {report.outlook.source}"
        parts += [_outlook(report.outlook), paragraph(words)]
    if report.neuromorphic:
        parts.append(neuromorphic_table(report.neuromorphic))
    counted = [row for row in report.rows if row.layers]
    if per_layer and counted:
        largest = max(counted, key=lambda row: row.gmacs.dense if row.gmacs else 0)
        parts += _per_layer(largest, report.prices)
    return Group(*parts, *map(paragraph, _remarks(report)))


def _cost(report: Report) -> RenderableType:
    model, device = report.model, report.device
    threads = f"{device.threads} thread{'s' * (device.threads != 1)}"
    columns: list[Column[Row]] = [
        ("size", lambda row: size(row.imgsz)),
        ("p50 ms", lambda row: number(row.latency_ms.p50 if row.latency_ms else None)),
        ("p95 ms", lambda row: number(row.latency_ms.p95 if row.latency_ms else None)),
        ("fps", lambda row: number(row.fps)),
        ("GMACs", lambda row: number(row.gmacs.dense if row.gmacs else None)),
        ("analog", lambda row: number(row.gmacs.analog if row.gmacs else None)),
        ("GSOPs", lambda row: number(row.gsops)),
        ("firing", lambda row: percent(row.firing_rate)),
        ("moved MB", lambda row: number(row.bytes_moved_mb)),
        ("peak MB", lambda row: number(row.peak_memory_mb)),
    ]
    title = f"{model.name} · T = {model.timesteps} · {model.precision} · {device.backend}"
    return table(f"{title} · {threads}", report.rows, columns)


def _whole_energy(report: Report) -> RenderableType:
    rival = rival_name(activation_bits(report.model.timesteps))
    return table(
        f"energy per frame with memory traffic, estimated, beside {rival}, run once",
        [(row, whole) for row in report.rows for whole in row.whole_energy],
        [
            ("size", lambda line: size(line[0].imgsz)),
            ("precision", lambda line: line[1].precision),
            ("compute mJ", lambda line: number(line[1].spiking.compute)),
            ("memory mJ", lambda line: number(line[1].spiking.memory)),
            ("neurons mJ", lambda line: number(line[1].spiking.neurons)),
            ("all mJ", lambda line: number(line[1].spiking.total)),
            ("ANN mJ", lambda line: number(line[1].quantised_ann.total)),
            ("less by", lambda line: number(line[1].ratio, unit="x")),
            ("even at", lambda line: percent(line[1].break_even_rate)),
        ],
    )


def _energy(report: Report) -> RenderableType:
    columns: list[Column[Row]] = [("size", lambda row: size(row.imgsz))]
    for prices in report.prices:
        columns += _energy_columns(prices.name)
    columns.append(("measured J", lambda row: number(row.measured.joules_per_frame)))
    title = "energy per frame of operations alone, estimated in mJ, and measured in J"
    return table(title, report.rows, columns)


def _energy_columns(prices: str) -> list[Column[Row]]:
    return [
        (prices, lambda row: number(row.energy_mj[prices])),
        ("as ANN", lambda row: number(row.energy_mj[as_ann(prices)])),
        ("less by", lambda row: number(row.energy_ratio[prices], unit="x")),
    ]


def _rails(rows: Sequence[Row]) -> RenderableType:
    return table(
        "power rails; they may overlap",
        [(row.imgsz, rail) for row in rows for rail in row.measured.rails],
        [
            ("size", lambda line: size(line[0])),
            ("rail", lambda line: line[1].rail),
            ("J per frame", lambda line: number(line[1].joules_per_frame)),
            ("above idle", lambda line: number(line[1].net_joules_per_frame)),
            ("W", lambda line: number(line[1].watts)),
            ("idle W", lambda line: number(line[1].idle_watts)),
        ],
    )


def _table1(report: Report) -> RenderableType:
    prices = report.prices[0].name
    verdict = {True: "equal", False: "different", None: UNKNOWN}
    return table(
        "the convention of Table 1 and the honest count",
        [(row, row.table1) for row in report.rows if row.table1],
        [
            ("size", lambda line: size(line[0].imgsz)),
            ("GFLOPs", lambda line: f"{line[1].gflops:.3f}"),
            ("mJ", lambda line: f"{line[1].mj:.1f}"),
            ("printed", lambda line: _printed(line[1])),
            ("", lambda line: verdict[line[1].matches]),
            ("dense GMACs", lambda line: number(line[0].gmacs.dense if line[0].gmacs else None)),
            ("as ANN mJ", lambda line: number(line[0].energy_mj[as_ann(prices)])),
            ("spike-based mJ", lambda line: number(line[0].energy_mj[prices])),
        ],
    )


def _printed(row: Table1Row) -> str:
    return f"{row.printed.gflops:.3f} / {row.printed.mj:.1f}" if row.printed else UNKNOWN


def _outlook(outlook: Outlook) -> RenderableType:
    return table(
        f"bounds on {outlook.name}, not measurements",
        outlook.rows,
        [
            ("size", lambda bound: size(bound.imgsz)),
            ("precision", lambda bound: bound.precision),
            ("compute ms", lambda bound: number(bound.compute_ms)),
            ("memory ms", lambda bound: number(bound.memory_ms)),
            ("floor ms", lambda bound: number(bound.floor_ms)),
            ("fps below", lambda bound: number(bound.fps)),
            ("limited by", lambda bound: bound.limited_by),
        ],
    )


def _per_layer(row: Row, prices: Sequence[Price]) -> list[RenderableType]:
    layers = table(
        f"convolutions at {size(row.imgsz)}, all timesteps",
        row.layers,
        [
            ("layer", lambda layer: layer.name),
            ("reads", lambda layer: "spikes" if layer.kind == "spiking" else "features"),
            ("MMACs", lambda layer: number(layer.gmacs, 1e3)),
            ("firing", lambda layer: percent(layer.firing_rate)),
            ("MSOPs", lambda layer: number(layer.gsops, 1e3)),
            *(_layer_energy(each.name) for each in prices),
        ],
    )
    neurons = table(
        f"neurons at {size(row.imgsz)}",
        row.neurons,
        [
            ("layer", lambda layer: layer.name),
            ("channels", lambda layer: str(layer.channels)),
            ("firing per timestep", _rates),
            ("silent channels", lambda layer: percent(layer.silent_share)),
        ],
    )
    return [layers, neurons] if row.neurons else [layers]


def _layer_energy(prices: str) -> Column[LayerRow]:
    return f"{prices} µJ", lambda layer: number(layer.energy_mj[prices], 1e3)


def _rates(neurons: NeuronRow) -> str:
    return " ".join(f"{rate:.3f}" for rate in neurons.firing_rate_per_timestep)


def _remarks(report: Report) -> list[str]:
    worked = [row for row in report.rows if not row.problem]
    return [
        *(f"{size(row.imgsz)}: {row.problem}" for row in report.rows if row.problem),
        *once(row.spikes_reason for row in worked),
        *(f"measured energy: {reason}" for reason in once(row.measured.reason for row in worked)),
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
