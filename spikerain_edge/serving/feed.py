"""The newest frame of a camera, for whoever looks at it."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from spikerain_edge.images import Image

# Seconds over which the rate is taken, and frames that are counted for it at most.
_WINDOW = 5.0
_COUNTED = 1024


@dataclass(frozen=True)
class Shown:
    """A frame before and after the network.

    Attributes:
        before: as the camera sent it, uint8 (H, W, 3) BGR.
        after: derained, of the same shape.
        number: counts the frames of this feed from 1.
    """

    before: Image
    after: Image
    number: int

    def view(self, name: str) -> Image:
        """Returns the image of a view, `before` or `after`."""
        return self.before if name == "before" else self.after


class Feed:
    """Holds the newest frame of a camera. The thread of the pipeline only stores a reference.

    Args:
        name: what the camera is called.
        clock: returns a time in seconds.
    """

    def __init__(self, name: str, clock: Callable[[], float] = time.perf_counter) -> None:
        self.name = name
        self.newest: Shown | None = None
        self._clock = clock
        self._began = clock()
        self._times: deque[float] = deque(maxlen=_COUNTED)
        self._count = 0

    def show(self, before: Image, after: Image) -> None:
        """Takes the newest frame; both images are uint8 (H, W, 3) BGR."""
        self._count += 1
        self._times.append(self._clock())
        self.newest = Shown(before, after, self._count)

    @property
    def silence(self) -> float:
        """Seconds since the newest frame; infinite before the first."""
        return self._clock() - self._times[-1] if self._times else math.inf

    @property
    def rate(self) -> float:
        """Frames per second over the latest five seconds."""
        now = self._clock()
        # Copied in one step, because another thread appends.
        times = [moment for moment in tuple(self._times) if now - moment <= _WINDOW]
        if len(times) < 2:
            return len(times) / _WINDOW
        # Between frames while they come, over the whole window when they have stopped.
        span = times[-1] - times[0]
        steady = (len(times) - 1) / span if span else 0.0
        silent = now - times[-1]
        return steady if silent <= 2 / max(steady, 1e-9) else len(times) / _WINDOW
