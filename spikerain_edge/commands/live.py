"""The table that `run --profile` shows during a run."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from rich import box
from rich.console import Group
from rich.table import Table

from spikerain_edge.profiling.latency import percentiles_ms
from spikerain_edge.profiling.live import FrameCost
from spikerain_edge.profiling.whole_energy import rival_name
from spikerain_edge.stream.traffic import Traffic, total

REFRESHES_PER_SECOND = 1
_LATEST = 256
_RATE_WINDOW = 5 * REFRESHES_PER_SECOND


class LiveView:
    """A table of current measurements; rich redraws it at each refresh.

    Times are percentiles over the latest 256 frames of each camera; the frame rate covers the
    latest seconds.

    Args:
        traffics: returns counts and times of the frames of each camera so far.
        cost: returns the mean cost of a frame so far; spikes come from sampled frames.
        clock: returns a time in seconds.
    """

    def __init__(
        self,
        traffics: Callable[[], Sequence[Traffic]],
        cost: Callable[[], FrameCost | None],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._traffics = traffics
        self._cost = cost
        self._clock = clock
        self._seen: deque[tuple[float, list[int]]] = deque(
            [(clock(), [traffic.frames for traffic in traffics()])], maxlen=_RATE_WINDOW
        )

    def __rich__(self) -> Group:
        traffics = self._traffics()
        rates = self._rates(traffics)
        progress = f"{sum(rates):.1f} frames per second, {_counts(total(traffics, _LATEST))}"
        each = [f"{rate:.1f} frames per second, " for rate in rates]
        return self._drawn(traffics, progress, each)

    def finished(self) -> Group:
        """Returns the table after the last frame; the summary shows the frame rate instead."""
        traffics = self._traffics()
        return self._drawn(traffics, _counts(total(traffics, _LATEST)), [""] * len(traffics))

    def _drawn(self, traffics: Sequence[Traffic], progress: str, rates: Sequence[str]) -> Group:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for heading in ("ms", "p50", "p90", "p95", "p99"):
            table.add_column(heading, justify="left" if heading == "ms" else "right")
        traffic = total(traffics, _LATEST)
        for name, seconds in (
            ("waiting", traffic.waiting),
            ("inference", traffic.inference),
            ("writing", traffic.writing),
            ("capture to written", traffic.whole_way),
        ):
            table.add_row(name, *_percentiles(seconds))
        lines = [
            f"camera {index}: {rate}{_counts(each)}, {_age(each)} ms old"
            for index, (rate, each) in enumerate(zip(rates, traffics, strict=True))
            if len(traffics) > 1
        ]
        return Group(table, progress, *lines, self._spent())

    def _rates(self, traffics: Sequence[Traffic]) -> list[float]:
        """Frames per second of each camera."""
        now, frames = self._clock(), [traffic.frames for traffic in traffics]
        start, before = self._seen[0]
        self._seen.append((now, frames))
        seconds = now - start
        return [
            (late - early) / seconds if seconds > 0 else 0.0
            for late, early in zip(frames, before, strict=True)
        ]

    def _spent(self) -> str:
        cost = self._cost()
        if cost is None:
            return "no frames yet"
        dense = f"{cost.gmacs:.2f} dense GMACs per frame"
        if cost.firing_rate is None:
            return f"{dense}; spikes unknown: the model has no probe graph"
        spikes = f"{dense}, firing rate {cost.firing_rate:.3f}, {cost.gsops:.3f} GSOPs"
        if cost.whole is None:
            return spikes
        return (
            f"{spikes}; {cost.whole.spiking_mj:.2f} mJ estimated with memory, "
            f"{cost.whole.quantised_ann_mj:.2f} mJ as {rival_name(cost.whole.activation_bits)}"
        )


def _counts(traffic: Traffic) -> str:
    return f"{traffic.frames} frames, {traffic.dropped} dropped"


def _age(traffic: Traffic) -> str:
    return next(iter(_percentiles(tuple(traffic.whole_way)[-_LATEST:])), "-")


def _percentiles(seconds: Iterable[float]) -> list[str]:
    return [f"{value:.1f}" for value in percentiles_ms(list(seconds)).values()]
