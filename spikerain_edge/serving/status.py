"""What the live page tells of a run: its summary, and how each camera is doing now."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, Protocol

import numpy as np

from spikerain_edge.camera_now import CameraNow
from spikerain_edge.serving.feed import Feed
from spikerain_edge.serving.pace import SHARE

HISTORY_STEP = 1.0
"""Seconds between two points of the history."""
HISTORY_POINTS = 300
_FIGURES = ("fps", "latency_ms", "age_ms", "energy_mj", "whole_energy_mj")
_LATEST = 128
# Seconds for which a summary serves all who ask, at least and at most.
_FRESH, _OLDEST = 0.5, 10.0


class Watched(Protocol):
    """What is asked of a run."""

    @property
    def stuck(self) -> float:
        """Seconds for which it has made no step."""

    @property
    def now(self) -> Sequence[CameraNow]:
        """How each camera is doing."""

    def summary(self) -> dict[str, Any]:
        """The summary so far, as `--json` writes it."""


@dataclass(frozen=True)
class Point:
    """How a camera was doing at a moment; what is unknown is none.

    Attributes:
        fps: frames per second over the latest seconds.
        latency_ms: median time in the network, milliseconds.
        age_ms: median time from the camera to the last output, milliseconds.
        energy_mj: estimated energy of a frame's operations alone, millijoules.
        whole_energy_mj: the same with memory traffic and updates of neurons, millijoules.
    """

    fps: float
    latency_ms: float | None = None
    age_ms: float | None = None
    energy_mj: float | None = None
    whole_energy_mj: float | None = None


class Status:
    """Tells how a run is doing. Belongs to the event loop of the server.

    Args:
        feeds: the frames of its cameras.
        stall: seconds without a frame after which a camera counts as silent.
        viewers: returns how many streams of a camera are being watched.
        clock: returns a time in seconds.
        share: processor time that summaries may take, in seconds per second.
        meter: returns the processor time of this thread, in seconds.
    """

    def __init__(
        self,
        feeds: Sequence[Feed],
        stall: float,
        viewers: Callable[[int], int] = lambda camera: 0,
        clock: Callable[[], float] = time.monotonic,
        *,
        share: float = SHARE,
        meter: Callable[[], float] = time.thread_time,
    ) -> None:
        self.feeds = feeds
        self.run: Watched | None = None
        self._stall = stall
        self._viewers = viewers
        self._clock = clock
        self._share = share
        self._meter = meter
        self._histories: list[deque[Point]] = [deque(maxlen=HISTORY_POINTS) for _ in feeds]
        self._summary: tuple[float, dict[str, Any]] | None = None

    def ready(self, camera: int) -> bool:
        """Whether a frame of a camera is newer than the stall time-out."""
        return self.feeds[camera].silence < self._stall

    def state(self, camera: int) -> str:
        """`starting` before the first frame, `streaming`, `silent`, `away` or `ended`."""
        if self.run is not None:
            now = self.run.now[camera]
            if now.ended or now.away:
                return "ended" if now.ended else "away"
        if math.isinf(self.feeds[camera].silence):
            return "starting"
        return "streaming" if self.ready(camera) else "silent"

    def summary(self) -> dict[str, Any] | None:
        """The summary of the run; None before it has begun.

        It is half a second old at most, or older where it is made of so many frames that it takes
        more than its share of the processor.
        """
        if self.run is None:
            return None
        now = self._clock()
        if self._summary is None or now > self._summary[0]:
            began = self._meter()
            summary = self.run.summary()
            rest = (self._meter() - began) / self._share
            self._summary = now + min(max(rest, _FRESH), _OLDEST), summary
        return self._summary[1]

    def document(self) -> dict[str, Any]:
        """What `/api/status` answers; before the run has begun it has no summary."""
        return {**(self.summary() or {}), "live": self.live()}

    def live(self) -> list[dict[str, Any]]:
        """How each camera is doing now."""
        return [self._live(camera) for camera in range(len(self.feeds))]

    def remember(self) -> None:
        """Adds a point to the history of each camera."""
        for camera, history in enumerate(self._histories):
            history.append(self._point(camera))

    def history(self) -> dict[str, Any]:
        """What `/api/history` answers: the latest five minutes, oldest first."""
        cameras = [
            {
                "camera": feed.name,
                **{name: [getattr(point, name) for point in points] for name in _FIGURES},
            }
            for feed, points in zip(self.feeds, self._histories, strict=True)
        ]
        return {"step_seconds": HISTORY_STEP, "cameras": cameras}

    def _live(self, camera: int) -> dict[str, Any]:
        feed = self.feeds[camera]
        silence = feed.silence
        rates = {} if self.run is None else self.run.now[camera].firing_rates
        return {
            "camera": feed.name,
            "state": self.state(camera),
            "silent_seconds": None if math.isinf(silence) else round(silence, 3),
            **asdict(self._point(camera)),
            "firing_rates": [
                {"layer": layer, "rate": round(rate, 4)} for layer, rate in rates.items()
            ],
            "viewers": self._viewers(camera),
        }

    def _point(self, camera: int) -> Point:
        if self.run is None:
            return Point(0.0)
        now = self.run.now[camera]
        rate = round(self.feeds[camera].rate, 2)
        figures = rate, median_ms(now.inference), median_ms(now.ages)
        cost = now.cost
        if cost is None or cost.energy_mj is None or cost.whole is None:
            return Point(*figures)
        return Point(*figures, round(cost.energy_mj, 4), round(cost.whole.spiking_mj, 4))


def median_ms(seconds: deque[float]) -> float | None:
    """Median of the latest times in milliseconds; None if there are none."""
    # Taken in one step, because another thread appends.
    latest = tuple(islice(reversed(seconds), _LATEST))
    return round(float(np.median(latest)) * 1e3, 1) if latest else None
