"""Measures the power rail that stands for the machine while a run goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any

from spikerain_edge.profiling.power.discovery import open_meters
from spikerain_edge.profiling.power.meter import PowerMeter, Sampling, every
from spikerain_edge.profiling.power.sysfs import RailError

# Seconds between readings: a run is long, and the sensors share the board's bus with other users.
_INTERVAL = 1.0


@dataclass(frozen=True)
class MeasuredEnergy:
    """Energy of a run so far, idle power included. Measured, not estimated.

    Attributes:
        rail: the rail that was read; None without one.
        joules: what it delivered; None if it cannot be read.
        watts: its mean power; None likewise.
        joules_per_frame: None likewise, or before the first frame.
        reason: why something is missing; else empty.
    """

    rail: str | None
    joules: float | None = None
    watts: float | None = None
    joules_per_frame: float | None = None
    reason: str = ""

    def document(self) -> dict[str, Any]:
        """The fields as a summary has them, with three decimals."""
        fields = asdict(self).items()
        return {name: round(v, 3) if isinstance(v, float) else v for name, v in fields}


class RunMeter:
    """Reads a rail once a second from `__enter__` to `__exit__`.

    Args:
        meters: from `open_meters`; the first stands for the machine, the others are not read.
        reason: why there are none.
        clock: seconds, from any start.
    """

    def __init__(
        self,
        meters: Sequence[PowerMeter],
        reason: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._meter = meters[0] if meters else None
        self._reason = reason or "the run has not begun"
        self._clock = clock
        self._running = ExitStack()
        self._began: float | None = None
        self._ended: tuple[float, float] | None = None

    @classmethod
    def open(cls, *, gpu: bool) -> RunMeter:
        """Opens the rails of this machine.

        Args:
            gpu: whether the network runs on a discrete GPU.
        """
        sampling = Sampling(ticker=lambda _, tick: every(_INTERVAL, tick))
        return cls(*open_meters(gpu=gpu, sampling=sampling))

    def __enter__(self) -> RunMeter:
        """Starts measuring; a rail that cannot be read is told by `energy`."""
        if self._meter is None:
            return self
        try:
            self._running.enter_context(self._meter)
        except RailError as error:
            self._reason = str(error)
        else:
            self._began = self._clock()
        return self

    def __exit__(self, *error: object) -> None:
        """Stops measuring; `energy` stays what it is."""
        if self._began is not None:
            self._ended = self._read(self._began)
        self._running.close()

    def energy(self, frames: int) -> MeasuredEnergy:
        """Returns the energy so far.

        Args:
            frames: written so far.
        """
        rail = self._meter.rail if self._meter else None
        read = self._ended
        if read is None and self._began is not None:
            read = self._read(self._began)
        if read is None:
            return MeasuredEnergy(rail, reason=self._reason)
        joules, seconds = read
        watts = joules / seconds if seconds > 0 else None
        return MeasuredEnergy(rail, joules, watts, joules / frames if frames else None)

    def _read(self, began: float) -> tuple[float, float] | None:
        """Joules and seconds since the beginning; None if the rail has been lost."""
        try:
            joules = self._meter.joules() if self._meter else 0.0
        except RailError as error:
            self._reason = str(error)
            return None
        return joules, self._clock() - began
