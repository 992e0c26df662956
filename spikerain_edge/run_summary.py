"""What a run tells of its cameras, and the file that holds its summary."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from spikerain_edge.errors import SpikeRainError, StreamError
from spikerain_edge.files import write_whole
from spikerain_edge.gate import NO_REPORT, RainReport, together
from spikerain_edge.profiling.latency import percentiles_ms
from spikerain_edge.profiling.live import CostMeter, FrameCost, mean_cost
from spikerain_edge.stream import traffic as streams
from spikerain_edge.stream.outages import Outage
from spikerain_edge.stream.traffic import Traffic

Item = TypeVar("Item")


@dataclass(frozen=True)
class CameraRecord:
    """What became of a camera, or of all cameras of a run.

    Attributes:
        traffic: counts and times of its frames.
        costs: what its frames have cost.
        rain: what its rain gate says.
        missing: frames that could not be used.
        corrupt: frames that arrived damaged.
        outages: when it was away, in order; the last one may go on.
        away: whether it is away now.
        ages: seconds from capture until the last output had a frame, live sources only.
        failure: what ended it; none while it runs, or after a good end.
        restarts: how often a video model started without a previous frame, by reason; None for a
            model for single images.
    """

    traffic: Traffic
    costs: Sequence[CostMeter]
    rain: RainReport = NO_REPORT
    missing: int = 0
    corrupt: int = 0
    outages: Sequence[Outage] = ()
    away: bool = False
    ages: Sequence[float] = ()
    failure: SpikeRainError | None = None
    restarts: Mapping[str, int] | None = None

    def document(self) -> dict[str, Any]:
        """The fields that the summary has for each camera, and for all of them together."""
        traffic = self.traffic
        cost = mean_cost(self.costs) or FrameCost(0.0, None, None, None)
        fps = traffic.frames / traffic.elapsed if traffic.elapsed else 0.0
        ages = percentiles_ms(self.ages)
        return {
            "error": self.failure and self.failure.cause,
            "frames": traffic.frames,
            "dropped": traffic.dropped,
            "missing": self.missing,
            "outputs": [asdict(sink) for sink in traffic.sinks],
            "corrupt": self.corrupt,
            "outages": [outage.document() for outage in self.outages],
            "age_ms": {rank: ages[rank] for rank in ("p50", "p99") if rank in ages},
            "rain": self.rain.document(),
            "restarts": self.restarts and dict(self.restarts),
            "seconds": round(traffic.elapsed, 3),
            "fps": round(fps, 3),
            "latency_ms": percentiles_ms(traffic.inference),
            "end_to_end_ms": percentiles_ms(traffic.whole_way),
            "gmacs_per_frame": _rounded(cost.gmacs),
            "firing_rate": _rounded(cost.firing_rate),
            "gsops_per_frame": _rounded(cost.gsops),
            "energy_mj_per_frame": _rounded(cost.energy_mj),
            "whole_energy": cost.whole and cost.whole.document(),
        }

    def status(self) -> str:
        """One line about it so far."""
        text = f"{self.traffic.frames} frames written, {self.traffic.dropped} dropped"
        if self.outages:
            text = f"{text}, {len(self.outages)} outages"
        if self.away:
            text = f"{text}, the camera has been away for {self.outages[-1].seconds:.0f} seconds"
        if self.failure is not None:
            text = f"{text}, ended: {self.failure.cause}"
        return text


def total(records: Sequence[CameraRecord], failure: SpikeRainError | None) -> CameraRecord:
    """All cameras of a run as one.

    Args:
        records: what became of each.
        failure: what the run ended with, if it failed.
    """
    outages = sorted(_all(record.outages for record in records), key=lambda outage: outage.start)
    return CameraRecord(
        traffic=streams.total([record.traffic for record in records]),
        costs=_all(record.costs for record in records),
        missing=sum(record.missing for record in records),
        corrupt=sum(record.corrupt for record in records),
        outages=outages,
        away=any(record.away for record in records),
        ages=_all(record.ages for record in records),
        failure=failure,
        rain=together([record.rain for record in records]),
        restarts=_sums([record.restarts for record in records if record.restarts is not None]),
    )


def status_line(records: Sequence[CameraRecord]) -> str:
    """One line about a run so far; cameras have their numbers where there are several."""
    if len(records) == 1:
        return records[0].status()
    return "; ".join(f"camera {index}: {each.status()}" for index, each in enumerate(records))


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


def _all(parts: Iterable[Sequence[Item]]) -> list[Item]:
    return [item for part in parts for item in part]


def _sums(counts: Sequence[Mapping[str, int]]) -> dict[str, int] | None:
    """Adds counts up by name; None if there are none."""
    if not counts:
        return None
    return {name: sum(each[name] for each in counts) for name in counts[0]}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
