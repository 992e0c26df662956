"""Measures what a piece of work uses, and what the machine uses anyway."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from spikerain_edge.profiling.power.meter import PowerMeter
from spikerain_edge.profiling.power.sysfs import RailError


@dataclass(frozen=True)
class RailEnergy:
    """Energy that one rail delivered.

    Attributes:
        rail: its name.
        joules: energy during the work, idle power included; None if it could not be read.
        idle_watts: mean power before the work; None if it could not be read.
        net_joules: what the work added to idle; None if either is missing.
        reason: why something is missing; else empty.
    """

    rail: str
    joules: float | None
    idle_watts: float | None
    net_joules: float | None
    reason: str


@dataclass(frozen=True)
class Measurement:
    """Time and energy that a piece of work used. All figures are measured, none estimated.

    Attributes:
        seconds: how long the work took.
        rail: the rail that stands for the machine; None without one.
        joules: its energy during the work, idle power included; None if it could not be read.
        idle_watts: its mean power before the work; None if it could not be read.
        net_joules: `joules - idle_watts * seconds`; None if either is missing.
        reason: why something is missing; else empty.
        others: the other rails. They may overlap with the first and with each other: do not add.
    """

    seconds: float
    rail: str | None
    joules: float | None
    idle_watts: float | None
    net_joules: float | None
    reason: str
    others: tuple[RailEnergy, ...] = ()


@dataclass(frozen=True)
class _Phase:
    """Its duration, and of each meter the joules or why there are none."""

    seconds: float
    energies: tuple[float | RailError, ...]


def measure(
    meters: Sequence[PowerMeter],
    work: Callable[[], None],
    idle_s: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Measurement:
    """Measures idle power for a while, then runs the work once and measures that.

    Sensors need time: work of less than about two seconds is a handful of readings.

    Args:
        meters: from `open_meters`; the first stands for the machine.
        work: what to measure; it runs even where nothing can be read.
        idle_s: how long to measure idle power, in seconds; with 0 it is not measured.
        clock: seconds, from any start.
        sleep: waits for a number of seconds.

    Returns:
        The measurement. A rail that vanishes half-way has a reason and no joules.
    """
    idle = _phase(meters, lambda: sleep(idle_s), clock) if meters and idle_s > 0 else None
    busy = _phase(meters, work, clock)
    rails = [_rail_energy(meter.rail, index, idle, busy) for index, meter in enumerate(meters)]
    if not rails:
        return Measurement(busy.seconds, None, None, None, None, "no power rail can be read")
    first, *others = rails
    return Measurement(
        busy.seconds,
        first.rail,
        first.joules,
        first.idle_watts,
        first.net_joules,
        first.reason,
        tuple(others),
    )


def _phase(
    meters: Sequence[PowerMeter], work: Callable[[], None], clock: Callable[[], float]
) -> _Phase:
    lost: dict[int, RailError] = {}
    with ExitStack() as running:
        for index, meter in enumerate(meters):
            try:
                running.enter_context(meter)
            except RailError as error:
                lost[index] = error
        start = clock()
        work()
        seconds = clock() - start
        energies = tuple(
            lost[index] if index in lost else _energy(meter) for index, meter in enumerate(meters)
        )
    return _Phase(seconds, energies)


def _energy(meter: PowerMeter) -> float | RailError:
    try:
        return meter.joules()
    except RailError as error:
        return error


def _rail_energy(rail: str, index: int, idle: _Phase | None, busy: _Phase) -> RailEnergy:
    energy = busy.energies[index]
    before = RailError("idle power was not measured") if idle is None else idle.energies[index]
    reason = "; ".join(_told(energy, "during the work") + _told(before, "at idle"))
    joules = None if isinstance(energy, RailError) else energy
    watts = None
    if idle is not None and not isinstance(before, RailError):
        watts = before / idle.seconds
    net = None if joules is None or watts is None else joules - watts * busy.seconds
    return RailEnergy(rail, joules, watts, net, reason)


def _told(energy: float | RailError, when: str) -> list[str]:
    return [f"{when}: {energy}"] if isinstance(energy, RailError) else []
