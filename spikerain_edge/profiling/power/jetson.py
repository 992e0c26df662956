"""Power rails of NVIDIA Jetson boards: INA3221 and INA238 sensors, read through sysfs.

Two layouts are in use. Kernel 5.10 and later (JetPack 5 and 6) offer `in1_label`, `in1_input` (mV)
and `curr1_input` (mA) below `hwmon`; kernel 4.9 (JetPack 4) offers `rail_name_0` and
`in_power0_input` (mW) below `iio:device`. Jetson Thor adds an INA238 at the input of the carrier
board, with `power1_input` (uW).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from spikerain_edge.profiling.power.meter import (
    DETAIL_INTERVAL_S,
    POWER_INTERVAL_S,
    RailMeter,
    Sampling,
)
from spikerain_edge.profiling.power.sysfs import RailError, read_number, read_text, readable
from spikerain_edge.profiling.power.tally import PowerTally

_CHANNELS = 3
_UNCONNECTED = "NC"
_WHOLE_BOARD = (
    ("VIN",),  # input of the carrier board: AGX Thor
    ("VDD_IN",),  # input of the module: Orin Nano and NX, Xavier NX, TX2
    ("POM_5V_IN",),  # input of the module: Nano
    # No single input is measured on the AGX modules: these are fed side by side. VDDQ_VDD2_1V8AO
    # of AGX Orin, which shows the voltage of VIN_SYS_5V0, would risk counting the memory twice.
    ("VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"),  # AGX Orin
    ("VDD_GPU", "VDD_CPU_SOC_MSS", "VIN_SYS_5V0"),  # AGX Thor on a carrier without INA238
    ("GPU", "CPU", "SOC", "CV", "VDDRQ", "SYS5V"),  # AGX Xavier
)
"""Rails whose sum is the power of the whole board; the first set that a board has is used."""


@dataclass(frozen=True)
class _Rail:
    """A rail by name, and how to read its power in watts."""

    name: str
    watts: Callable[[], float]


def find(root: Path, sampling: Sampling) -> tuple[list[RailMeter], str]:
    """Returns meters of a Jetson's rails, the whole board first.

    Args:
        root: where the file system starts.
        sampling: where the meters take their time from.

    Returns:
        The meters, and why there are none.
    """
    rails, failures = readable(
        partial(_tried, rail) for rail in _rails(root / "sys/bus/i2c/devices")
    )
    if not rails:
        return [], "; ".join(map(str, failures)) or "no Jetson power sensor (INA3221)"
    first, *others = _grouped(rails)
    meters = [_meter(first, POWER_INTERVAL_S, sampling)]
    return meters + [_meter(group, DETAIL_INTERVAL_S, sampling) for group in others], ""


def _tried(rail: _Rail) -> _Rail:
    rail.watts()
    return rail


def _grouped(rails: Sequence[_Rail]) -> Iterator[list[_Rail]]:
    """Yields what stands for the whole board, where known, then each rail by itself."""
    by_name = {rail.name: rail for rail in rails}
    whole = next((names for names in _WHOLE_BOARD if by_name.keys() >= set(names)), ())
    if whole:
        yield [by_name[name] for name in whole]
    for rail in rails:
        if whole != (rail.name,):
            yield [rail]


def _meter(rails: Sequence[_Rail], interval: float, sampling: Sampling) -> RailMeter:
    name = " + ".join(rail.name for rail in rails)
    tallies = [partial(PowerTally, rail.watts) for rail in rails]
    return RailMeter(name, tallies, interval, sampling)


def _rails(devices: Path) -> Iterator[_Rail]:
    for device in sorted(devices.glob("*")):
        try:
            chip = read_text(device / "name")
        except RailError:
            continue
        if chip.startswith("ina3221"):
            for folder in sorted(device.glob("hwmon/hwmon*")):
                yield from _hwmon(folder)
            for folder in sorted(device.glob("iio:device*")):
                yield from _iio(folder)
        elif chip.startswith("ina238"):
            for folder in sorted(device.glob("hwmon/hwmon*")):
                yield _Rail("VIN", partial(_scaled, folder / "power1_input", 1e-6))


def _hwmon(folder: Path) -> Iterator[_Rail]:
    """Channels 1 to 3; the inputs after them are shunt voltages and their sum."""
    for channel in range(1, _CHANNELS + 1):
        name = _label(folder / f"in{channel}_label")
        if name:
            volts = folder / f"in{channel}_input"
            amperes = folder / f"curr{channel}_input"
            yield _Rail(name, partial(_product, volts, amperes))


def _iio(folder: Path) -> Iterator[_Rail]:
    for channel in range(_CHANNELS):
        name = _label(folder / f"rail_name_{channel}")
        if name:
            yield _Rail(name, partial(_scaled, folder / f"in_power{channel}_input", 1e-3))


def _label(path: Path) -> str:
    """Returns the name of a channel; empty if nothing is connected to it."""
    try:
        name = read_text(path)
    except RailError:
        return ""
    return "" if name == _UNCONNECTED else name


def _product(millivolts: Path, milliamperes: Path) -> float:
    return read_number(millivolts) * read_number(milliamperes) * 1e-6


def _scaled(path: Path, unit: float) -> float:
    return read_number(path) * unit
