"""The summary: every figure, a column for each size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from spikerain_edge.profiling.html import rows as of
from spikerain_edge.profiling.html.rows import Row
from spikerain_edge.profiling.html.text import (
    GAP,
    NONE,
    TIMES,
    either,
    escaped,
    rounded,
    scaled,
    size,
)

_FEW = 4
"""Up to so many sizes leave room for two tables side by side."""

_MEASURED = "Energy, measured"
_SILENCE = "no reason given"

Figure = Callable[[Row], float | None]


@dataclass(frozen=True)
class _Line:
    """A line of the summary.

    Attributes:
        name: what it shows, markup already.
        figure: its value for a size.
        unit: of all values: sizes and neighbouring lines are to be compared.
        strong: whether it stands out.
        digits: significant digits.
    """

    name: str
    figure: Figure
    unit: str
    strong: bool = False
    digits: int = 3


@dataclass(frozen=True)
class _Group:
    """Lines under one heading.

    Attributes:
        name: the heading.
        note: what holds for all of them.
        lines: from top to bottom.
        reason: why a size has no figures here; empty where it has.
    """

    name: str
    note: str
    lines: Sequence[_Line]
    reason: Callable[[Row], str]


def summary(report: dict[str, Any]) -> str:
    """All figures: a table for each kind, with a column for each size."""
    rows: list[Row] = report["rows"]
    tables = "".join(_table(group, rows) for group in _groups(report))
    few = " few" if len(rows) <= _FEW else ""
    return (
        "<p>Sizes are width &times; height in pixels. A dash stands for what could not be had.</p>"
        f'{_problems(rows)}<div class="groups{few}">{tables}</div>'
    )


def _problems(rows: Sequence[Row]) -> str:
    """What went wrong, size by size."""
    told = [
        f"<li><strong>{size(row['imgsz'])}</strong> {escaped(row['problem'])}</li>"
        for row in rows
        if row["problem"]
    ]
    return f'<ul class="problems">{"".join(told)}</ul>' if told else ""


def _table(group: _Group, rows: Sequence[Row]) -> str:
    title = f"<h3>{group.name} <small>{group.note}</small></h3>"
    reasons = {group.reason(row) for row in rows}
    if len(reasons) == 1 and "" not in reasons:
        # No size has any of these figures, and all for one reason: words instead of dashes.
        return f'<div>{title}<p class="words">{escaped(reasons.pop())}</p></div>'
    heads = "".join(f'<th scope="col">{_head(row)}</th>' for row in rows)
    lines = "".join(_line(line, rows) for line in group.lines)
    return (
        f'<div>{title}<div class="scroll" tabindex="0" role="group" aria-label="{group.name}">'
        f'<table><thead><tr><th scope="col">per frame</th>{heads}</tr></thead>'
        f"<tbody>{lines}{_rails(rows) if group.name == _MEASURED else ''}</tbody></table>"
        "</div></div>"
    )


def _head(row: Row) -> str:
    """A size that may break after the sign, where columns are narrow."""
    return size(row["imgsz"]).replace(f"{TIMES}{GAP}", f"{TIMES} ")


def _line(line: _Line, rows: Sequence[Row]) -> str:
    values = [line.figure(row) for row in rows]
    cells = "".join(
        f"<td>{NONE if value is None else rounded(value, line.digits)}</td>" for value in values
    )
    style = ' class="strong"' if line.strong else ""
    name = f"<span>{line.name}</span> <small>{line.unit}</small>"
    return f'<tr{style}><th scope="row"><div>{name}</div></th>{cells}</tr>'


def _rails(rows: Sequence[Row]) -> str:
    cells = "".join(f"<td>{either(row['measured']['rail'], NONE)}</td>" for row in rows)
    return f'<tr class="rails"><th scope="row">rail</th>{cells}</tr>'


def _groups(report: dict[str, Any]) -> list[_Group]:
    frames = report["settings"]["frames"]
    shown = f"means of {frames} frames" if frames != 1 else "on one frame"
    return [
        _Group("Time", "pre- and post-processing included", _time_lines(), _untimed),
        _Group("Operations", "counted from the graph", _operation_lines(), _uncounted),
        _Group("Spikes", shown, _spike_lines(), _unwatched),
        _Group(
            "Energy, estimated",
            "from operations; not what the board draws",
            _estimate_lines(report),
            _uncounted,
        ),
        _Group(
            _MEASURED,
            "what the board reports, idle power included",
            _measured_lines(),
            _unmeasured,
        ),
        _Group(
            "Memory",
            "",
            [_Line("peak, resident", lambda row: row["peak_memory_mb"], "MB", strong=True)],
            _untimed,
        ),
    ]


def _time_lines() -> list[_Line]:
    def line(name: str, figure: str, strong: bool = False) -> _Line:
        return _Line(name, lambda row: scaled(of.latency(row, figure), 1e3), "ms", strong)

    return [
        line("median", "p50", strong=True),
        *(line(f"{rank}&nbsp;% of frames within", f"p{rank}") for rank in (90, 95, 99)),
        line("fastest", "min"),
        line("mean", "mean"),
        _Line("its 95&nbsp;% interval, &plusmn;", of.uncertainty_ms, "ms", digits=2),
        _Line("frames per second", lambda row: row["fps"], "", strong=True),
        _Line("engine alone, median", lambda row: of.stage_ms(row, "engine"), "ms"),
        _Line("before and after it", lambda row: of.stage_ms(row, "pre", "post"), "ms"),
    ]


def _operation_lines() -> list[_Line]:
    def line(name: str, kind: str, strong: bool = False) -> _Line:
        return _Line(name, lambda row: scaled(of.macs(row, kind), 1e-9), "GMAC", strong)

    return [
        line("dense, all timesteps", "dense", strong=True),
        line("of these on spikes", "spiking"),
        line("of these analogue", "analog"),
        _Line("moved at least", lambda row: row["bytes_moved_mb"], "MB"),
    ]


def _spike_lines() -> list[_Line]:
    return [
        _Line("firing rate", lambda row: scaled(row["firing_rate"], 100), "%", strong=True),
        _Line("spikes", lambda row: scaled(row["spikes_per_frame"], 1e-6), "million"),
        _Line("synaptic operations", lambda row: row["gsops"], "GSOP"),
    ]


def _estimate_lines(report: dict[str, Any]) -> list[_Line]:
    lines: list[_Line] = []
    for prices in report["prices"]:
        lines += _price_lines(prices["name"])
    if any(row["neuron_energy_mj"] is not None for row in report["rows"]):
        lines.append(_Line("neurons, part of both", lambda row: row["neuron_energy_mj"], "mJ"))
    return lines


def _price_lines(prices: str) -> list[_Line]:
    return [
        _Line(escaped(prices), lambda row: row["energy_mj"][prices], "mJ", strong=True),
        _Line("as if an ANN", lambda row: row["energy_mj"][f"{prices}-as-ann"], "mJ"),
        _Line("times less than that", lambda row: row["energy_ratio"][prices], TIMES, digits=2),
    ]


def _measured_lines() -> list[_Line]:
    return [
        _Line("energy", of.measured, "J", strong=True),
        _Line("energy above idle", of.above_idle, "J"),
        _Line("mean power", lambda row: row["measured"]["watts"], "W"),
        _Line("idle power", lambda row: row["measured"]["idle_watts"], "W"),
    ]


def _untimed(row: Row) -> str:
    return f"Not timed: {row['problem'] or _SILENCE}" if row["latency_ms"] is None else ""


def _uncounted(row: Row) -> str:
    return f"Not counted: {row['problem'] or _SILENCE}" if row["gmacs"] is None else ""


def _unwatched(row: Row) -> str:
    return (
        "" if row["firing_rate"] is not None else f"Not known: {row['spikes_reason'] or _SILENCE}"
    )


def _unmeasured(row: Row) -> str:
    if of.measured(row) is not None:
        return ""
    return f"Not measured: {row['measured']['reason'] or _SILENCE}"
