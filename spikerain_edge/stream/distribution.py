"""Sends every frame to all sinks and counts what arrives."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from spikerain_edge.errors import StreamError
from spikerain_edge.images import Image
from spikerain_edge.stream.frame import Frame
from spikerain_edge.stream.outlet import Delivery, Outlet, SinkTraffic
from spikerain_edge.stream.sinks import Sink

_POLL = 0.05
# Seconds that sinks have for their last frames: after a stop, and when a camera has ended.
_PATIENCE_STOPPED = 1.0
_PATIENCE = 10.0


class Distribution:
    """Sinks side by side, so that one that is slow, blocked or broken does not hold up the others.

    Args:
        sinks: where frames go.
        live: whether the source is live; see `Outlet`.
        persistent: whether sinks of a live source are tried again though none has ever worked.
        failures: receives the errors that the run ends with.
        arrived: called for every frame that at least one sink has, with seconds of the longest
            writing and the time when the last sink had it.
        ended: called when no sink takes frames any more.

    Attributes:
        unwritten: frames of a live source that no sink took.
    """

    def __init__(
        self,
        sinks: Sequence[Sink],
        *,
        live: bool,
        persistent: bool,
        failures: list[BaseException],
        arrived: Callable[[Frame, float, float], None],
        ended: Callable[[], None],
    ) -> None:
        self.unwritten = 0
        self._live = live
        self._persistent = persistent
        self._failures = failures
        self._arrived = arrived
        self._ended = ended
        self._lock = threading.Lock()
        self._outlets = [
            Outlet(sink, live=live, failures=failures, changed=self._changed) for sink in sinks
        ]
        for outlet in self._outlets:
            outlet.start()

    @property
    def traffic(self) -> list[SinkTraffic]:
        """Counts of each sink so far."""
        return [outlet.traffic for outlet in self._outlets]

    def put(self, frame: Frame, image: Image) -> bool:
        """Sends a frame to all sinks; false when none takes any more."""
        delivery = Delivery(frame, image, max(1, len(self._outlets)), self._done)
        for outlet in self._outlets:
            outlet.put(delivery)
        if not self._outlets:
            delivery.settle(time.perf_counter())
        return not self._hopeless()

    def close(self) -> None:
        """No more frames come; nobody who waits for room waits any longer."""
        for outlet in self._outlets:
            outlet.close()

    def finish(self, stopped: Callable[[], bool]) -> None:
        """Closes all sinks, and gives up those that are blocked.

        The sinks of a file are waited for, unless `stopped` turns true meanwhile.
        """
        self.close()
        begun, asked = time.monotonic(), None
        for outlet in self._outlets:
            while not outlet.join(_POLL):
                now = time.monotonic()
                asked = now if asked is None and stopped() else asked
                short = _PATIENCE_STOPPED if self._live else _PATIENCE
                late_after_stop = asked is not None and now - asked > short
                if late_after_stop or (self._live and now - begun > _PATIENCE):
                    outlet.abandon()
                    self._failures.append(
                        StreamError(
                            f"{outlet.traffic.output} is blocked and has not been closed",
                            "check what reads it, or its disk",
                        )
                    )
                    break

    def _done(self, delivery: Delivery) -> None:
        with self._lock:
            if delivery.arrived is None:
                self.unwritten += self._live
            else:
                self._arrived(delivery.frame, delivery.writing, delivery.arrived)

    def _changed(self) -> None:
        if self._hopeless():
            self._ended()

    def _hopeless(self) -> bool:
        if self._persistent:
            return bool(self._outlets) and all(outlet.ended for outlet in self._outlets)
        return bool(self._outlets) and all(outlet.hopeless for outlet in self._outlets)
