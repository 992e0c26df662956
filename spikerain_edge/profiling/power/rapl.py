"""Energy counters of Intel and AMD processors (RAPL), read through the powercap tree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from spikerain_edge.profiling.power.meter import COUNTER_INTERVAL_S, RailMeter, Sampling
from spikerain_edge.profiling.power.sysfs import RailError, read_number, read_text, readable
from spikerain_edge.profiling.power.tally import CounterTally

_MICRO = 1e-6
_UNLOCK = "sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj"


@dataclass(frozen=True)
class _Zone:
    """One counter.

    Attributes:
        name: `package-0`; a part of a package is named with it, `package-0/dram`.
        energy: its file, in microjoules.
        span: joules after which it starts again.
    """

    name: str
    energy: Path
    span: float

    @property
    def package(self) -> bool:
        """Whether this is a whole processor package."""
        return self.name.startswith("package") and "/" not in self.name

    def joules(self) -> float:
        """Reads the counter."""
        return read_number(self.energy) * _MICRO


def find(root: Path, sampling: Sampling) -> tuple[list[RailMeter], str]:
    """Returns meters of a processor's counters, the sum of its packages first.

    Args:
        root: where the file system starts.
        sampling: where the meters take their time from.

    Returns:
        The meters, and why there are none.
    """
    # The same counters show up a second time as intel-rapl-mmio on some machines.
    folders = sorted((root / "sys/class/powercap").glob("intel-rapl:*"))
    zones, failures = readable(partial(_zone, folder) for folder in folders)
    if not zones:
        # One message stands for all: the zones fail alike.
        return [], _explained(failures[0]) if failures else "no processor energy counter (RAPL)"
    return [_meter(group, sampling) for group in _grouped(zones)], ""


def _grouped(zones: Sequence[_Zone]) -> Iterator[list[_Zone]]:
    """Yields the packages together, then each zone by itself."""
    packages = [zone for zone in zones if zone.package]
    if packages:
        yield packages
    for zone in zones:
        if [zone] != packages:
            yield [zone]


def _zone(folder: Path) -> _Zone:
    """Opens the counter of a folder and reads it once, to see that this works."""
    name = read_text(folder / "name")
    parent = folder.parent / folder.name.rpartition(":")[0]
    if folder.name.count(":") > 1:
        name = f"{read_text(parent / 'name')}/{name}"
    span = read_number(folder / "max_energy_range_uj") * _MICRO
    zone = _Zone(name, folder / "energy_uj", span)
    zone.joules()
    return zone


def _meter(zones: Sequence[_Zone], sampling: Sampling) -> RailMeter:
    name = " + ".join(zone.name for zone in zones)
    tallies = [partial(CounterTally, zone.joules, zone.span) for zone in zones]
    return RailMeter(name, tallies, COUNTER_INTERVAL_S, sampling)


def _explained(error: RailError) -> str:
    """Says what went wrong. Since 5.10, kernels let only root read the counters."""
    if isinstance(error.__cause__, PermissionError):
        return f"{error.cause}; run: {_UNLOCK}"
    return str(error)
