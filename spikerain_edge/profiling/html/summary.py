"""The figures of the summary, which has a column for each size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from spikerain_edge.profiling.document import Report
from spikerain_edge.profiling.energy import as_ann
from spikerain_edge.profiling.energy_records import WholeEnergy
from spikerain_edge.profiling.html.text import GAP, TIMES
from spikerain_edge.profiling.memory_prices import PRECISIONS, Precision
from spikerain_edge.profiling.records import Latency, Macs, Row
from spikerain_edge.profiling.whole_energy import activation_bits, rival_name

Figure = Callable[[Row], float | None]


@dataclass(frozen=True)
class Line:
    """A line of the summary.

    Attributes:
        name: what it shows.
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
class Group:
    """Lines under one heading.

    Attributes:
        name: the heading.
        note: what holds for all of them.
        lines: from top to bottom.
        reason: why a size has no figures here; else empty.
        rails: whether the power rail that was read is named below.
    """

    name: str
    note: str
    lines: Sequence[Line]
    reason: Callable[[Row], str]
    rails: bool = False

    def missing(self, rows: Sequence[Row]) -> str:
        """Says why no size has these figures; empty if one has, or if reasons differ."""
        reasons = {self.reason(row) for row in rows}
        return reasons.pop() if len(reasons) == 1 else ""


def groups(report: Report) -> list[Group]:
    """Returns all figures, a group for each kind."""
    frames = report.settings.frames
    shown = f"means of {frames} frames" if frames != 1 else "on one frame"
    bytes_line = Line("moved at least", lambda row: row.bytes_moved_mb, "MB")
    rival = rival_name(activation_bits(report.model.timesteps))
    peak = Line("peak, resident", lambda row: row.peak_memory_mb, "MB", strong=True)
    return [
        Group("Time", "pre- and post-processing included", _time_lines(), _untimed),
        Group("Operations", "counted from the graph", [*_macs_lines(), bytes_line], _uncounted),
        Group("Spikes", shown, _spike_lines(), _unwatched),
        Group(
            "Energy, estimated with memory",
            f"beside {rival}, run once",
            [line for precision in PRECISIONS for line in _whole_lines(precision, rival)],
            _unwatched,
        ),
        Group(
            "Energy, estimated from operations alone",
            "the papers' way; not what the board draws",
            _estimate_lines(report),
            _uncounted,
        ),
        Group(
            "Energy, measured",
            "what the board reports, idle power included",
            _measured_lines(),
            _unmeasured,
            rails=True,
        ),
        Group("Memory", "", [peak], _untimed),
    ]


def _time_lines() -> list[Line]:
    def line(name: str, figure: Callable[[Latency], float], strong: bool = False) -> Line:
        return Line(name, _of_time(figure), "ms", strong)

    return [
        line("median", lambda time: time.p50, strong=True),
        line(f"90{GAP}% of frames within", lambda time: time.p90),
        line(f"95{GAP}% of frames within", lambda time: time.p95),
        line(f"99{GAP}% of frames within", lambda time: time.p99),
        line("fastest", lambda time: time.min),
        line("mean", lambda time: time.mean),
        Line(f"its 95{GAP}% interval, ±", _of_time(_margin), "ms", digits=2),
        Line("frames per second", lambda row: row.fps, "", strong=True),
        Line("engine alone, median", _engine, "ms"),
        Line("before and after it", _around_engine, "ms"),
    ]


def _of_time(figure: Callable[[Latency], float]) -> Figure:
    return lambda row: figure(row.latency_ms) if row.latency_ms else None


def _margin(time: Latency) -> float:
    low, high = time.ci95
    return (high - low) / 2


def _engine(row: Row) -> float | None:
    return row.stage_ms.engine if row.stage_ms else None


def _around_engine(row: Row) -> float | None:
    return row.stage_ms.pre + row.stage_ms.post if row.stage_ms else None


def _macs_lines() -> list[Line]:
    def line(name: str, figure: Callable[[Macs], float], strong: bool = False) -> Line:
        return Line(name, lambda row: figure(row.gmacs) if row.gmacs else None, "GMAC", strong)

    return [
        line("dense, all timesteps", lambda macs: macs.dense, strong=True),
        line("of these on spikes", lambda macs: macs.spiking),
        line("of these analogue", lambda macs: macs.analog),
    ]


def _spike_lines() -> list[Line]:
    return [
        Line("firing rate", lambda row: _scaled(row.firing_rate, 100), "%", strong=True),
        Line("spikes", lambda row: _scaled(row.spikes_per_frame, 1e-6), "million"),
        Line("synaptic operations", lambda row: row.gsops, "GSOP"),
    ]


def _estimate_lines(report: Report) -> list[Line]:
    lines = [line for prices in report.prices for line in _price_lines(prices.name)]
    if any(row.neuron_energy_mj is not None for row in report.rows):
        lines.append(Line("neurons, part of both", lambda row: row.neuron_energy_mj, "mJ"))
    return lines


def _price_lines(prices: str) -> list[Line]:
    return [
        Line(prices, lambda row: row.energy_mj[prices], "mJ", strong=True),
        Line("as if an ANN", lambda row: row.energy_mj[as_ann(prices)], "mJ"),
        Line("times less than that", lambda row: row.energy_ratio[prices], TIMES, digits=2),
    ]


def _whole_lines(precision: Precision, rival: str) -> list[Line]:
    def figure(value: Callable[[WholeEnergy], float | None]) -> Figure:
        return lambda row: next(
            (value(each) for each in row.whole_energy if each.precision == precision), None
        )

    return [
        Line(f"{precision}, spiking", figure(lambda each: each.spiking.total), "mJ", strong=True),
        Line("of this memory", figure(lambda each: each.spiking.memory), "mJ"),
        Line(rival, figure(lambda each: each.quantised_ann.total), "mJ"),
        Line("times less than that", figure(lambda each: each.ratio), TIMES, digits=2),
        Line("even at a firing rate of", figure(_break_even), "%"),
    ]


def _break_even(whole: WholeEnergy) -> float | None:
    return _scaled(whole.break_even_rate, 100)


def _measured_lines() -> list[Line]:
    return [
        Line("energy", lambda row: row.measured.joules_per_frame, "J", strong=True),
        Line("energy above idle", lambda row: row.measured.net_joules_per_frame, "J"),
        Line("mean power", lambda row: row.measured.watts, "W"),
        Line("idle power", lambda row: row.measured.idle_watts, "W"),
    ]


def _untimed(row: Row) -> str:
    return "" if row.latency_ms else f"Not timed: {_told(row.problem)}"


def _uncounted(row: Row) -> str:
    return "" if row.gmacs else f"Not counted: {_told(row.problem)}"


def _unwatched(row: Row) -> str:
    return "" if row.firing_rate is not None else f"Not known: {_told(row.spikes_reason)}"


def _unmeasured(row: Row) -> str:
    known = row.measured.joules_per_frame is not None
    return "" if known else f"Not measured: {_told(row.measured.reason)}"


def _told(reason: str | None) -> str:
    return reason or "no reason given"


def _scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor
