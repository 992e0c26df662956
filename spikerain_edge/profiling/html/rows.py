"""What the sections of the page ask of the report's rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spikerain_edge.profiling.html.text import pixels

Row = dict[str, Any]


def latency(row: Row, name: str) -> float | None:
    """A figure of the wall time per frame, in seconds."""
    times = row["latency_ms"]
    return None if times is None else float(times[name]) * 1e-3


def uncertainty_ms(row: Row) -> float | None:
    """Half the 95 % confidence interval of the mean time."""
    times = row["latency_ms"]
    return None if times is None else float(times["ci95"][1] - times["ci95"][0]) / 2


def stage_ms(row: Row, *names: str) -> float | None:
    """The time that stages take together."""
    times = row["stage_ms"]
    return None if times is None else sum(times[name] for name in names)


def macs(row: Row, kind: str) -> float | None:
    """Multiply-accumulates: `dense`, `analog` or `spiking`."""
    counts = row["gmacs"]
    return None if counts is None else float(counts[kind]) * 1e9


def estimated(row: Row, prices: str) -> float | None:
    """Estimated joules per frame."""
    energy = row["energy_mj"][prices]
    return None if energy is None else float(energy) * 1e-3


def measured(row: Row) -> float | None:
    """Measured joules per frame, idle power included."""
    energy: float | None = row["measured"]["joules_per_frame"]
    return energy


def above_idle(row: Row) -> float | None:
    """Measured joules per frame beyond what the board uses anyway."""
    power = row["measured"]
    energy, watts, idle = power["joules_per_frame"], power["watts"], power["idle_watts"]
    if not energy or not watts or idle is None:
        return None
    return float(energy * (watts - idle) / watts)


def largest(rows: Sequence[Row]) -> Row | None:
    """The largest size that ran, else the largest that was counted."""
    ran = [row for row in rows if row["latency_ms"] is not None]
    counted = [row for row in rows if row["gmacs"] is not None]
    return max(ran or counted, key=lambda row: pixels(row["imgsz"]), default=None)


def most_detailed(rows: Sequence[Row], details: str) -> Row | None:
    """The largest size that has `layers` or `neurons`."""
    known = [row for row in rows if row[details]]
    return max(known, key=lambda row: pixels(row["imgsz"]), default=None)
