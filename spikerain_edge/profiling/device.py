"""Describes the machine that measures and its settings, from files; what is missing is null."""

from __future__ import annotations

import os
import platform
import re
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy
import onnxruntime

from spikerain_edge.profiling.document import Clock, Device, Temperature
from spikerain_edge.system import read_numbers, read_text, total_memory

_CPU = "sys/devices/system/cpu"
_PACKAGE = "spikerain-edge"


@dataclass(frozen=True)
class Health:
    """The part of a machine's state that changes while it works.

    Attributes:
        temperature: hottest thermal zone, degrees Celsius; None without a zone.
        throttled: times that the processor was slowed down since it was switched on, for heat or
            current; none where nothing counts that.
    """

    temperature: float | None
    throttled: int | None


def read_health(root: Path = Path("/")) -> Health:
    """Reads temperature and throttling.

    Args:
        root: where the file system starts.
    """
    zones = [
        value / 1000
        for zone in root.glob("sys/class/thermal/thermal_zone*")
        # Older Jetsons' power controller has no sensor: it always says 100 degrees.
        if read_text(zone, "type") != "PMIC-Die"
        for value in read_numbers(zone, "temp")
    ]
    # Intel counts per core; a Jetson's over-current events are files of its hwmon.
    events = [
        *read_numbers(root, f"{_CPU}/cpu*/thermal_throttle/core_throttle_count"),
        *read_numbers(root, "sys/class/hwmon/hwmon*/oc*_event_cnt"),
    ]
    return Health(max(zones, default=None), sum(events) if events else None)


def describe_device(
    before: Health, after: Health, *, threads: int, backend: str, root: Path = Path("/")
) -> Device:
    """Describes the machine and its settings.

    Args:
        before: health before the first size.
        after: health after the last.
        threads: threads within an operator.
        backend: runtime and device that execute the graph.
        root: where the file system starts.
    """
    return Device(
        name=_name(root),
        cpu=_processor(root),
        architecture=platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        threads=threads,
        memory_mb=_megabytes(total_memory(root)),
        backend=backend,
        governor=_governor(root),
        power_mode=_power_mode(root),
        clock_mhz=_clock(root),
        temperature_c=_temperature(before, after),
        throttling=_throttling(before, after),
        os=_system(root),
        versions={
            _PACKAGE: version(_PACKAGE),
            "onnxruntime": onnxruntime.__version__,
            "numpy": numpy.__version__,
            "opencv": cv2.__version__,
            "python": platform.python_version(),
        },
    )


def _name(root: Path) -> str | None:
    board = read_text(root, "proc/device-tree/model") or read_text(
        root, "sys/class/dmi/id/product_name"
    )
    return board or None


def _processor(root: Path) -> str | None:
    """The model's name, or what an Arm core says instead: its part number."""
    info = read_text(root, "proc/cpuinfo")
    named = re.search(r"^model name\s*:\s*(.+)$", info, re.MULTILINE)
    if named:
        return named[1].strip()
    part = re.search(r"^CPU part\s*:\s*(0x[0-9a-f]+)$", info, re.MULTILINE)
    # Arm's and NVIDIA's numbers of the cores of Jetsons, and of the Raspberry Pi 5.
    cores = {
        "0xd42": "Cortex-A78AE",
        "0xd83": "Neoverse V3AE",
        "0xd0b": "Cortex-A76",
        "0x004": "Carmel",
    }
    return cores.get(part[1], f"Arm core {part[1]}") if part else None


def _governor(root: Path) -> str | None:
    """Governors of all cores. A core that is offline cannot be read (EBUSY)."""
    paths = root.glob(f"{_CPU}/cpu[0-9]*/cpufreq/scaling_governor")
    named = {read_text(root, str(path.relative_to(root))) for path in paths}
    return ", ".join(sorted(named - {""})) or None


def _power_mode(root: Path) -> str | None:
    """Number and name of a Jetson's power mode."""
    mode = re.search(r"pmode:(\d+)", read_text(root, "var/lib/nvpmodel/status"))
    if mode is None:
        return None
    number = int(mode[1])
    names = re.findall(
        r"<\s*POWER_MODEL\s+ID=(\d+)\s+NAME=(\S+)\s*>", read_text(root, "etc/nvpmodel.conf")
    )
    named = (f"{number} ({name})" for known, name in names if int(known) == number)
    return next(named, f"{number}")


def _clock(root: Path) -> Clock | None:
    now = max(read_numbers(root, f"{_CPU}/cpu[0-9]*/cpufreq/scaling_cur_freq"), default=None)
    limit = max(read_numbers(root, f"{_CPU}/cpu[0-9]*/cpufreq/scaling_max_freq"), default=None)
    if now is None or limit is None:
        return None
    return Clock(current=now / 1000, max=limit / 1000)


def _temperature(before: Health, after: Health) -> Temperature | None:
    if before.temperature is None or after.temperature is None:
        return None
    return Temperature(before=before.temperature, after=after.temperature)


def _throttling(before: Health, after: Health) -> str | None:
    if before.throttled is None or after.throttled is None:
        return None
    events = after.throttled - before.throttled
    return f"{events} times while measuring" if events else "none while measuring"


def _system(root: Path) -> str:
    named = re.search(r'^PRETTY_NAME="?([^"\n]+)', read_text(root, "etc/os-release"), re.MULTILINE)
    kernel = f"{platform.system()} {platform.release()}"
    return f"{named[1]}, {kernel}" if named else kernel


def _megabytes(size: int | None) -> float | None:
    return None if size is None else size * 1e-6
