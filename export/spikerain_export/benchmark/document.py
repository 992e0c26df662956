"""The rows of a benchmark, as JSON has them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

SCHEMA = 1
"""Version of the JSON document. A change that would break a reader raises it."""


@dataclass(frozen=True)
class Latency:
    """Milliseconds per frame: median and 90th percentile of all rounds."""

    p50: float
    p90: float


@dataclass(frozen=True)
class Row:
    """One format of a model with one back end at one size. What is not known is None.

    Attributes:
        model: name of the model.
        format: number format of its convolutions.
        backend: what ran it.
        imgsz: height and width in pixels.
        latency_ms: time per frame.
        fps: frames per second at the median time.
        size_mb: size of the file in megabytes (10^6 bytes).
        psnr_to_fp32: PSNR of its pictures to those of the first FP32 row in dB, at most 100.
        psnr_lost: PSNR on luma against the clean frames that it loses to FP32, in dB; None for
            untrained models.
        spikes_differ: share of spikes that differ from FP32; None for the same graph on another
            back end and for engines, whose spikes cannot be read.
        peak_memory_mb: largest resident memory of its process in megabytes (10^6 bytes).
        joules_per_frame: energy of the machine's main power rail per frame, idle power included.
        reason: why the row has no figures, and what to do about it; None if it has them.
    """

    model: str
    format: str
    backend: str
    imgsz: tuple[int, int]
    latency_ms: Latency | None = None
    fps: float | None = None
    size_mb: float | None = None
    psnr_to_fp32: float | None = None
    psnr_lost: float | None = None
    spikes_differ: float | None = None
    peak_memory_mb: float | None = None
    joules_per_frame: float | None = None
    reason: str | None = None


def as_json(rows: Sequence[Row]) -> str:
    """Returns the document as JSON text."""
    values = {"schema": SCHEMA, "rows": [asdict(row) for row in rows]}
    return json.dumps(values, indent=2, allow_nan=False) + "\n"


def speed(row: Row, rows: Sequence[Row]) -> float | None:
    """Returns how many times faster a row is than the first FP32 row of its model and size."""
    for other in rows:
        same = (other.model, other.imgsz) == (row.model, row.imgsz)
        if same and other.format == "fp32":
            if row.latency_ms is None or other.latency_ms is None:
                return None
            return other.latency_ms.p50 / row.latency_ms.p50
    return None
