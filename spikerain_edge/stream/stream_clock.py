"""When a frame was captured, by the clock of its stream."""

from __future__ import annotations

# Seconds per second by which two clocks may drift apart: 200 parts per million.
_DRIFT = 2e-4


class StreamClock:
    """Maps the time stamps of a stream to this machine's clock.

    The smallest delay between stamp and arrival seen so far is taken for none. A frame that came
    later than that has waited in a network or a buffer, and its age says so. A stamp that runs
    backwards is a new clock.
    """

    def __init__(self) -> None:
        self._offset = 0.0
        self._latest: tuple[float, float] | None = None

    def captured(self, stamp: float | None, arrival: float) -> float:
        """When a frame was captured, never later than it arrived.

        Args:
            stamp: seconds of the stream's clock; none where it has none.
            arrival: seconds of `time.perf_counter`.
        """
        if stamp is None:
            return arrival
        offset = arrival - stamp
        if self._latest is not None and stamp >= self._latest[0]:
            allowed = self._offset + _DRIFT * (arrival - self._latest[1])
            offset = min(offset, allowed)
        self._offset, self._latest = offset, (stamp, arrival)
        return stamp + offset
