"""The smaller tables of the page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from spikerain_edge.profiling.html import rows as of
from spikerain_edge.profiling.html.rows import Row
from spikerain_edge.profiling.html.text import (
    NONE,
    escaped,
    percent,
    quantity,
    rounded,
    scaled,
    size,
)


def table1(report: dict[str, Any]) -> str:
    """The published convention beside the honest count."""
    found = report["table1"]
    if found is None:
        return f"<p>{escaped(report.get('table1_reason') or 'Not part of this report.')}</p>"
    lines = [
        [
            f'<th scope="row">{size(row["imgsz"])}</th>',
            *_cells(
                f"{row['table1']['gflops']:.3f}",
                f"{row['table1']['mj']:.1f}",
                _printed(row["table1"]),
                quantity(of.macs(row, "dense"), "MAC"),
                quantity(of.estimated(row, "snn-derain"), "J"),
            ),
        ]
        for row in report["rows"]
        if row["table1"] is not None
    ]
    heads = ["size", "GFLOPs", "mJ", "as printed", "honest operations", "honest estimate"]
    groups = '<tr><td></td><th colspan="3" scope="colgroup">convention of Table 1</th>'
    groups += '<th colspan="2" scope="colgroup">this report</th></tr>'
    return f"{grid('Table 1', heads, lines, above=groups)}<p>{escaped(found['explanation'])}</p>"


def _printed(row: dict[str, Any]) -> str:
    if row["matches"] is None:
        return "no such row"
    return "yes, every digit" if row["matches"] else "<strong>differs</strong>"


def prices(report: dict[str, Any]) -> str:
    """What operations cost, by whom, and what that leaves out."""
    return "".join(
        f"<div class='price'><h3>{escaped(one['name'])}</h3><dl>"
        f"<div><dt>analogue multiply-accumulate</dt><dd>{_pico(one['mac_pj'])}</dd></div>"
        f"<div><dt>synaptic operation</dt><dd>{_pico(one['sop_pj'])}</dd></div>"
        f"<div><dt>spike of a neuron</dt><dd>{_pico(one['neuron_pj'], 'not priced')}</dd></div>"
        f"</dl><p>{escaped(one['source'])}. <strong>Leaves out:</strong> "
        f"{escaped(one['leaves_out'])}.</p></div>"
        for one in report["prices"]
    )


def outlook(report: dict[str, Any]) -> str:
    """What a board could reach at best."""
    board = report["outlook"]
    lines = [
        [
            f'<th scope="row">{size(row["imgsz"])}</th>',
            *_cells(
                escaped(row["precision"]),
                f"≥ {quantity(row['floor_ms'] * 1e-3, 's')}",
                f"≤ {rounded(row['fps'])}",
                quantity(row["compute_ms"] * 1e-3, "s"),
                quantity(row["memory_ms"] * 1e-3, "s"),
                escaped(row["limited_by"]),
            ),
        ]
        for row in board["rows"]
    ]
    heads = ["size", "precision", "time", "frames/s", "arithmetic", "memory", "limited by"]
    table = grid("bounds", heads, lines)
    return (
        f"<p>{escaped(board['meaning'])}</p>{table}"
        f"<p class='quiet'>Peak rates: {escaped(board['source'])}</p>"
    )


def layers(row: Row) -> str:
    """Every convolution of one size."""
    lines = [
        [
            f'<th scope="row">{escaped(layer["name"])}</th>',
            *_cells(
                "spiking" if layer["kind"] == "spiking" else "analogue",
                quantity(layer["gmacs"] * 1e9, "MAC"),
                percent(layer["firing_rate"]),
                quantity(scaled(layer["gsops"], 1e9), "SOP"),
                _joules(layer["energy_mj"]["snn-derain"]),
                _joules(layer["energy_mj"]["cmos45"]),
            ),
        ]
        for layer in row["layers"]
    ]
    heads = ["convolution", "kind", "operations", "input fires", "synaptic", "snn-derain", "cmos45"]
    return grid("every convolution", heads, lines)


def grid(name: str, heads: Sequence[str], lines: Iterable[Sequence[str]], above: str = "") -> str:
    """A plain table; cells and the line `above` the heads are markup already.

    Where it is too wide for the screen it scrolls, with the keyboard as well.
    """
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    body = "".join(f"<tr>{''.join(cells)}</tr>" for cells in lines)
    return (
        f'<div class="scroll" tabindex="0" role="group" aria-label="{name}">'
        f"<table><thead>{above}<tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def _cells(*values: str) -> list[str]:
    return [f"<td>{value}</td>" for value in values]


def _joules(millijoules: float | None) -> str:
    return quantity(scaled(millijoules, 1e-3), "J")


def _pico(picojoules: float | None, otherwise: str = NONE) -> str:
    return otherwise if picojoules is None else quantity(picojoules * 1e-12, "J")
