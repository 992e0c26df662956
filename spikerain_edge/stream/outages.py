"""When a camera was away, and for how long."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timezone

# A camera may come and go for months.
_KEPT = 1000


@dataclass
class Outage:
    """A time without frames.

    Attributes:
        start: wall clock, in seconds since 1970.
        seconds: how long it lasted, or has lasted so far.
    """

    start: float
    seconds: float

    def document(self) -> dict[str, str | float]:
        """As the summary holds it: the start in UTC (ISO 8601), and the seconds."""
        start = datetime.fromtimestamp(self.start, timezone.utc)
        return {
            "start": start.isoformat(timespec="milliseconds"),
            "seconds": round(self.seconds, 3),
        }


class Outages:
    """The latest 1000 outages of a camera.

    Attributes:
        ended: number of all outages that have ended.
    """

    def __init__(self) -> None:
        self.ended = 0
        self._ended: deque[Outage] = deque(maxlen=_KEPT)
        self._since: float | None = None

    @property
    def open(self) -> bool:
        """Whether the camera is away now."""
        return self._since is not None

    def begin(self, since: float) -> None:
        """The camera has sent no good frame since then, on the clock of `time.perf_counter`."""
        if self._since is None:
            self._since = since

    def end(self) -> Outage | None:
        """The camera is back; the outage that this ends, if there was one."""
        outage = self._current()
        if outage is not None:
            self._ended.append(outage)
            self._since = None
            self.ended += 1
        return outage

    def all(self) -> list[Outage]:
        """All of them in order; the last one may go on."""
        current = self._current()
        return [*self._ended, *([] if current is None else [current])]

    def _current(self) -> Outage | None:
        since = self._since
        if since is None:
            return None
        seconds = time.perf_counter() - since
        return Outage(time.time() - seconds, seconds)
