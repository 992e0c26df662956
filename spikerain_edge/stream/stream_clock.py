"""When a frame was captured, by the clock of its stream."""

from __future__ import annotations

from collections import deque

# Seconds per second by which two clocks may drift apart: 200 parts per million.
_DRIFT = 2e-4
# Seconds whose smallest delay is remembered as one, and how many of them are.
_BLOCK = 10.0
_BLOCKS = 60
# A delay in seconds that no network or buffer explains.
_LONGEST = 60.0


class StreamClock:
    """Maps the time stamps of a stream to this machine's clock.

    The smallest delay between stamp and arrival is taken for none. A frame that came later than
    that has waited in a network or a buffer, and its age says so.

    A clock that is slow by up to 200 parts per million is followed at once. One that is slower is
    followed by the smallest delay of the latest ten minutes: a delay that never falls for so long
    is taken for drift. A stamp that runs backwards, or a delay of more than a minute, is a new
    clock.
    """

    def __init__(self) -> None:
        self._offset = 0.0
        self._latest: tuple[float, float] | None = None
        self._minima: deque[float] = deque(maxlen=_BLOCKS)
        self._block = (0.0, 0.0)

    def captured(self, stamp: float | None, arrival: float) -> float:
        """When a frame was captured, never later than it arrived.

        Args:
            stamp: seconds of the stream's clock; none where it has none.
            arrival: seconds of `time.perf_counter`.
        """
        if stamp is None:
            return arrival
        delay = arrival - stamp
        if self._latest is None or stamp < self._latest[0] or delay - self._offset > _LONGEST:
            self._offset = delay
            self._block = (arrival, delay)
            self._minima.clear()
        else:
            allowed = self._offset + _DRIFT * (arrival - self._latest[1])
            if len(self._minima) == _BLOCKS:
                allowed = max(allowed, min(self._minima))
            self._offset = min(delay, allowed)
            self._remember(delay, arrival)
        self._latest = (stamp, arrival)
        return stamp + self._offset

    def _remember(self, delay: float, arrival: float) -> None:
        begun, smallest = self._block
        if arrival - begun < _BLOCK:
            self._block = (begun, min(smallest, delay))
        else:
            self._minima.append(smallest)
            self._block = (arrival, delay)
