"""The interface of energy meters, and the meter that all readers share."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Protocol

from spikerain_edge.profiling.power.sysfs import RailError
from spikerain_edge.profiling.power.tally import Tally

POWER_INTERVAL_S = 0.023
"""Between readings of a power sensor. An INA3221 converts its three channels in about 7 ms and a
reading of voltage and current keeps the bus busy for 1 ms. 23 ms shares no small multiple with
common frame rates, so that the readings do not keep hitting the same part of a frame."""

DETAIL_INTERVAL_S = 10 * POWER_INTERVAL_S
"""The same for rails that only add detail: all at full rate would load the bus."""

COUNTER_INTERVAL_S = 1.0
"""Between readings of an energy counter: only to see each wrap-around, which even the smallest
range (65 kJ, AMD) puts minutes apart."""


class PowerMeter(Protocol):
    """Energy of one rail from `__enter__` on. Entering again starts over."""

    @property
    def rail(self) -> str:
        """What is measured, as the board names it; `A + B` for a sum of rails."""

    def __enter__(self) -> PowerMeter:
        """Starts measuring.

        Raises:
            RailError: the rail cannot be read.
        """

    def __exit__(self, *error: object) -> None:
        """Stops measuring."""

    def joules(self) -> float:
        """Energy used since `__enter__`.

        Raises:
            RailError: the rail could not be read all the time.
        """


Ticker = Callable[[float, Callable[[], None]], AbstractContextManager[None]]


@contextmanager
def every(seconds: float, tick: Callable[[], None]) -> Iterator[None]:
    """Calls `tick` on a thread of its own until the context ends."""
    stopped = threading.Event()

    def loop() -> None:
        while not stopped.wait(seconds):
            tick()

    thread = threading.Thread(target=loop, name="power-sampling", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


@dataclass(frozen=True)
class Sampling:
    """The clock of meters, and the timer that triggers their readings.

    Attributes:
        clock: seconds, from any start.
        ticker: calls a function again and again while its context lasts.
    """

    clock: Callable[[], float] = time.monotonic
    ticker: Ticker = every


class RailMeter:
    """A `PowerMeter` that reads its sensors in the background.

    Args:
        rail: what is measured.
        tallies: make a fresh tally for each sensor; the rail is the sum of all.
        interval: seconds between readings.
        sampling: where the time comes from.
    """

    def __init__(
        self,
        rail: str,
        tallies: Sequence[Callable[[], Tally]],
        interval: float,
        sampling: Sampling,
    ) -> None:
        self._rail = rail
        self._make = tuple(tallies)
        self._interval = interval
        self._sampling = sampling
        self._tallies: list[Tally] = []
        self._lost: RailError | None = None
        self._lock = threading.Lock()
        self._running = ExitStack()

    @property
    def rail(self) -> str:
        """What is measured."""
        return self._rail

    def __enter__(self) -> RailMeter:
        """Starts measuring."""
        self._tallies = [make() for make in self._make]
        self._lost = None
        self._sample()
        if self._lost is not None:
            raise self._lost
        self._running.enter_context(self._sampling.ticker(self._interval, self._sample))
        return self

    def __exit__(self, *error: object) -> None:
        """Stops measuring."""
        self._running.close()

    def joules(self) -> float:
        """Energy used since `__enter__`, up to this moment."""
        self._sample()
        with self._lock:
            if self._lost is not None:
                raise self._lost
            return sum(tally.joules for tally in self._tallies)

    def _sample(self) -> None:
        """Reads every sensor once. A lost rail stays lost: what it missed cannot be made up."""
        with self._lock:
            if self._lost is not None:
                return
            try:
                for tally in self._tallies:
                    tally.read(self._sampling.clock())
            except RailError as error:
                self._lost = error
