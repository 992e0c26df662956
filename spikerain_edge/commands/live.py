"""The table that `run --profile` shows during a run."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable

from rich import box
from rich.console import Group
from rich.table import Table

from spikerain_edge.profiling.latency import percentiles_ms
from spikerain_edge.profiling.live import FrameCost
from spikerain_edge.stream.traffic import Traffic

REFRESHES_PER_SECOND = 1
_LATEST = 256
_RATE_WINDOW = 5 * REFRESHES_PER_SECOND


class LiveView:
    """A table of current measurements; rich redraws it at each refresh.

    Times are percentiles over the latest 256 frames; the frame rate covers the latest seconds.

    Args:
        traffic: counts and times of the frames so far.
        cost: returns the mean cost of a frame so far; spikes come from sampled frames.
        clock: returns a time in seconds.
    """

    def __init__(
        self,
        traffic: Traffic,
        cost: Callable[[], FrameCost | None],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._traffic = traffic
        self._cost = cost
        self._clock = clock
        self._seen: deque[tuple[float, int]] = deque(
            [(clock(), traffic.frames)], maxlen=_RATE_WINDOW
        )

    def __rich__(self) -> Group:
        return self._drawn(f"{self._rate():.1f} frames per second, {self._counts()}")

    def finished(self) -> Group:
        """Returns the table after the last frame; the summary shows the frame rate instead."""
        return self._drawn(self._counts())

    def _drawn(self, progress: str) -> Group:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for heading in ("ms", "p50", "p90", "p95", "p99"):
            table.add_column(heading, justify="left" if heading == "ms" else "right")
        traffic = self._traffic
        for name, seconds in (
            ("waiting", traffic.waiting),
            ("inference", traffic.inference),
            ("writing", traffic.writing),
            ("capture to written", traffic.whole_way),
        ):
            table.add_row(name, *_percentiles(seconds))
        return Group(table, progress, self._spent())

    def _rate(self) -> float:
        now, frames = self._clock(), self._traffic.frames
        start, before = self._seen[0]
        self._seen.append((now, frames))
        return (frames - before) / (now - start) if now > start else 0.0

    def _counts(self) -> str:
        return f"{self._traffic.frames} frames, {self._traffic.dropped} dropped"

    def _spent(self) -> str:
        cost = self._cost()
        if cost is None:
            return "no frames yet"
        dense = f"{cost.gmacs:.2f} dense GMACs per frame"
        if cost.firing_rate is None:
            return f"{dense}; spikes unknown: the model has no probe graph"
        return (
            f"{dense}, firing rate {cost.firing_rate:.3f}, {cost.gsops:.3f} GSOPs, "
            f"{cost.energy_mj:.2f} mJ estimated"
        )


def _percentiles(seconds: Iterable[float]) -> list[str]:
    # Copied in one step, because another thread appends.
    latest = tuple(seconds)[-_LATEST:]
    return [f"{value:.1f}" for value in percentiles_ms(latest).values()]
