"""Energy from successive readings: of power, or of a counter that wraps around."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from spikerain_edge.profiling.power.sysfs import RailError


class Tally(Protocol):
    """Adds up the energy of one sensor, reading by reading."""

    @property
    def joules(self) -> float:
        """Energy between the first reading and the last."""

    def read(self, now: float) -> None:
        """Takes a reading at a time in seconds.

        Raises:
            RailError: the sensor cannot be read.
        """


class PowerTally:
    """Integrates power over time, a trapezium between neighbouring readings.

    Args:
        watts: reads the sensor.
    """

    def __init__(self, watts: Callable[[], float]) -> None:
        self._watts = watts
        self._last: tuple[float, float] | None = None
        self._joules = 0.0

    @property
    def joules(self) -> float:
        """Energy between the first reading and the last."""
        return self._joules

    def read(self, now: float) -> None:
        """Takes a reading at a time in seconds."""
        power = self._watts()
        if self._last is not None:
            before, power_before = self._last
            self._joules += (now - before) * (power + power_before) / 2
        self._last = now, power


class CounterTally:
    """Follows an energy counter that starts again from zero at the end of its range.

    Read it at least once per turn: a counter that passes its whole range unread loses a turn.

    Args:
        counter: reads the counter, in joules.
        span: joules after which it starts again; none where it never does.
    """

    def __init__(self, counter: Callable[[], float], span: float | None) -> None:
        self._counter = counter
        self._span = span
        self._last: float | None = None
        self._joules = 0.0

    @property
    def joules(self) -> float:
        """Energy between the first reading and the last."""
        return self._joules

    def read(self, now: float) -> None:
        """Takes a reading. The counter keeps its own time, so `now` is not used.

        Raises:
            RailError: the counter cannot be read, or went back without having a range.
        """
        value = self._counter()
        if self._last is not None:
            self._joules += self._step(value - self._last)
        self._last = value

    def _step(self, difference: float) -> float:
        if difference >= 0:
            return difference
        if self._span is None:
            raise RailError("the energy counter was reset")
        return difference + self._span
