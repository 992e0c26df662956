"""The rows of a benchmark as a table for the terminal and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.table import Table

from spikerain_edge.profiling.html.text import NONE, rounded
from spikerain_export.benchmark.document import Row, speed

HEADINGS = (
    "model", "size", "format", "back end", "MB", "dB to FP32", "dB lost", "spikes differ",
    "ms p50", "ms p90", "fps", "times FP32", "peak MB", "J/frame",
)  # fmt: skip
WIDTH = 150
"""Width of the table where there is no terminal."""


def benchmark_table(rows: Sequence[Row]) -> Table:
    """Makes the table; rows without figures are left to `reasons`."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for number, heading in enumerate(HEADINGS):
        table.add_column(heading, justify="left" if number < 4 else "right")
    for row in rows:
        table.add_row(*cells(row, rows))
    return table


def reasons(rows: Sequence[Row]) -> list[str]:
    """Returns why rows lack figures, each reason once."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if row.reason:
            found.setdefault(row.reason, []).append(f"{row.format} {row.backend}")
    return [f"{', '.join(dict.fromkeys(names))}: {reason}" for reason, names in found.items()]


def cells(row: Row, rows: Sequence[Row]) -> list[str]:
    """Returns the texts of a row under `HEADINGS`."""
    latency = row.latency_ms
    share = row.spikes_differ
    return [
        row.model,
        f"{row.imgsz[1]}x{row.imgsz[0]}",
        row.format,
        row.backend,
        rounded(row.size_mb),
        NONE if row.psnr_to_fp32 is None else f"{row.psnr_to_fp32:.1f}",
        NONE if row.psnr_lost is None else f"{row.psnr_lost:+.3f}",
        NONE if share is None else f"{100 * share:.2f} %",
        rounded(latency.p50 if latency else None),
        rounded(latency.p90 if latency else None),
        rounded(row.fps),
        rounded(speed(row, rows)),
        rounded(row.peak_memory_mb),
        rounded(row.joules_per_frame),
    ]


def as_csv(rows: Sequence[Row]) -> str:
    """Writes one line per row; unknown values are empty."""
    text = io.StringIO()
    records = [_record(row, rows) for row in rows]
    writer = csv.DictWriter(text, list(records[0]) if records else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue()


def _record(row: Row, rows: Sequence[Row]) -> dict[str, Any]:
    """Returns the columns of a row: those of the JSON document, flat, and the ratio to FP32."""
    values = asdict(row)
    (height, width), latency = values.pop("imgsz"), values.pop("latency_ms") or {}
    reason = values.pop("reason")
    return {
        **{name: values.pop(name) for name in ("model", "format", "backend")},
        "height": height,
        "width": width,
        "latency_ms.p50": latency.get("p50"),
        "latency_ms.p90": latency.get("p90"),
        **values,
        "ratio_to_fp32": speed(row, rows),
        "reason": reason,
    }
