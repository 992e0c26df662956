"""What a run tells of its camera, and the file that holds its summary."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from spikerain_edge.errors import StreamError
from spikerain_edge.files import write_whole
from spikerain_edge.profiling.latency import percentiles_ms
from spikerain_edge.stream.live import LiveSource
from spikerain_edge.stream.sources import Source
from spikerain_edge.stream.traffic import Traffic


def camera_summary(source: Source, traffic: Traffic) -> dict[str, Any]:
    """Faults of a live source and ages of its frames, as the summary holds them.

    The age is that of a frame when the last output had it. A file has neither.
    """
    ages = percentiles_ms(traffic.whole_way) if source.live else {}
    summary: dict[str, Any] = {
        "corrupt": 0,
        "outages": [],
        "age_ms": {rank: ages[rank] for rank in ("p50", "p99") if rank in ages},
    }
    if isinstance(source, LiveSource):
        summary["corrupt"] = source.corrupt
        summary["outages"] = [outage.document() for outage in source.outages]
    return summary


def status_line(source: Source, traffic: Traffic) -> str:
    """One line about a run so far."""
    text = f"{traffic.frames} frames written, {traffic.dropped} dropped"
    outages = source.outages if isinstance(source, LiveSource) else []
    if not outages:
        return text
    away = isinstance(source, LiveSource) and source.away
    latest = f", the camera has been away for {outages[-1].seconds:.0f} seconds" if away else ""
    return f"{text}, {len(outages)} outages{latest}"


def write_summary(summary: dict[str, Any], path: Path) -> None:
    """Writes a summary as a JSON file.

    Raises:
        StreamError: the file cannot be written.
    """
    try:
        write_whole(path, f"{json.dumps(summary, indent=2)}\n".encode())
    except OSError as error:
        raise StreamError(
            f"cannot write {path}: {error.strerror}", "name another file with --json"
        ) from error
