"""Checks the machine: board, system, power mode, rails, memory and disk."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from spikerain_edge.diagnosis.finding import Finding, absent, found
from spikerain_edge.profiling.device import describe_device, read_health
from spikerain_edge.profiling.power.discovery import open_meters
from spikerain_edge.system import available_memory, read_text

# Bytes below which the default model may not run at 640x480, and a recording ends soon.
_LITTLE_MEMORY = 500e6
_LITTLE_DISK = 1e9
# Releases of Linux for Tegra and the JetPack that they belong to.
_JETPACKS = {"35": "JetPack 5", "36": "JetPack 6", "38": "JetPack 7"}


def check_board(root: Path = Path("/")) -> Iterator[Finding]:
    """Reports processor, system and, on a Jetson, L4T, JetPack and power mode.

    Args:
        root: where the file system starts.
    """
    health = read_health(root)
    device = describe_device(health, health, threads=0, backend="", root=root)
    cpu = device.cpu or device.architecture
    yield found("machine", "board", device.name or "not named by the firmware")
    yield found("machine", "processor", f"{cpu}, {device.cores} cores")
    yield found("machine", "system", device.os)
    release = _l4t(root)
    if release:
        yield found("machine", "L4T", release)
        yield found("machine", "power mode", device.power_mode or "unknown: see nvpmodel -q")
    if health.temperature is not None:
        yield found("machine", "temperature", f"{health.temperature:.0f} degrees Celsius")


def check_rails(root: Path = Path("/")) -> Iterator[Finding]:
    """Reports which power rails can be read.

    Args:
        root: where the file system starts.
    """
    meters, reason = open_meters(root)
    for meter in meters:
        yield found("machine", "power rail", meter.rail)
    if not meters:
        yield absent("machine", "power rail", f"none can be read: {reason}")


def check_room(root: Path = Path("/"), folder: Path = Path()) -> Iterator[Finding]:
    """Reports free memory, and free space on the disk of a folder.

    Args:
        root: where the file system starts.
        folder: where a recording would be written.
    """
    memory = available_memory(root)
    if memory is not None:
        text = f"{memory / 1e6:,.0f} MB free"
        little = memory < _LITTLE_MEMORY
        fix = "close other programs, or scale frames down: run --imgsz 320x240"
        yield absent("machine", "memory", text, fix) if little else found("machine", "memory", text)
    space = shutil.disk_usage(folder).free
    text = f"{space / 1e9:,.1f} GB free in {folder.resolve()}"
    fix = "free some disk space, or limit recordings: run --keep 24h --min-free 2GiB"
    little = space < _LITTLE_DISK
    yield absent("machine", "disk", text, fix) if little else found("machine", "disk", text)


def _l4t(root: Path) -> str:
    """Release of Linux for Tegra with its JetPack; empty where it is not installed."""
    named = re.search(
        r"R(\d+) \(release\), REVISION: ([\d.]+)", read_text(root, "etc/nv_tegra_release")
    )
    if named is None:
        return ""
    packaged = re.search(
        r"^Package: nvidia-jetpack\n(?:.+\n)*?Version: (\S+)",
        read_text(root, "var/lib/dpkg/status"),
        re.MULTILINE,
    )
    jetpack = f"JetPack {packaged[1]}" if packaged else _JETPACKS.get(named[1], "unknown JetPack")
    return f"{named[1]}.{named[2]} ({jetpack})"
