from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import msgspec
import pytest
from file_tree import tree

from spikerain_edge.profiling.device import (
    Health,
    describe_device,
    read_health,
)
from spikerain_edge.profiling.document import Clock, Temperature

CPU = "sys/devices/system/cpu"
JETSON = {
    "proc/device-tree/model": "NVIDIA Jetson Orin Nano Developer Kit\0",
    "proc/cpuinfo": "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd42\n",
    "proc/meminfo": "MemTotal:        7802000 kB\nMemAvailable:    5000000 kB\n",
    "etc/os-release": 'NAME="Ubuntu"\nPRETTY_NAME="Ubuntu 22.04.5 LTS"\n',
    "etc/nvpmodel.conf": "< POWER_MODEL ID=0 NAME=15W >\n< POWER_MODEL ID=2 NAME=MAXN_SUPER >\n",
    "var/lib/nvpmodel/status": "pmode:0002",
    f"{CPU}/cpu0/cpufreq/scaling_governor": "schedutil\n",
    f"{CPU}/cpu0/cpufreq/scaling_cur_freq": "729600\n",
    f"{CPU}/cpu0/cpufreq/scaling_max_freq": "1728000\n",
    f"{CPU}/cpu1/cpufreq/scaling_governor": "performance\n",
    f"{CPU}/cpu1/cpufreq/scaling_cur_freq": "1728000\n",
    f"{CPU}/cpu1/cpufreq/scaling_max_freq": "1728000\n",
    "sys/class/thermal/thermal_zone0/temp": "48968\n",
    "sys/class/thermal/thermal_zone1/temp": "\n",
    "sys/class/thermal/thermal_zone2/temp": "51250\n",
    "sys/class/thermal/thermal_zone3/type": "PMIC-Die\n",
    "sys/class/thermal/thermal_zone3/temp": "100000\n",
    "sys/class/hwmon/hwmon1/oc1_event_cnt": "2\n",
    "sys/class/hwmon/hwmon1/oc3_event_cnt": "1\n",
}


def test_the_settings_of_a_jetson_are_read(tmp_path: Path) -> None:
    root = tree(tmp_path, JETSON)
    before = read_health(root)
    tree(root, {"sys/class/hwmon/hwmon1/oc3_event_cnt": "5\n"})
    described = describe_device(
        before, read_health(root), threads=6, backend="onnxruntime", root=root
    )
    assert described.name == "NVIDIA Jetson Orin Nano Developer Kit"
    assert described.cpu == "Cortex-A78AE"
    assert described.memory_mb == pytest.approx(7989.248)
    assert described.governor == "performance, schedutil"
    assert described.power_mode == "2 (MAXN_SUPER)"
    assert described.clock_mhz == Clock(1728.0, 1728.0)
    assert described.temperature_c == Temperature(51.25, 51.25)
    assert described.throttling == "4 times while measuring"
    assert described.os.startswith("Ubuntu 22.04.5 LTS, Linux")
    assert described.threads == 6


def test_values_that_a_machine_does_not_report_are_null(tmp_path: Path) -> None:
    nothing = read_health(tmp_path)
    assert nothing == Health(None, None)
    described = describe_device(nothing, nothing, threads=1, backend="b", root=tmp_path)
    unknown = {key for key, value in msgspec.structs.asdict(described).items() if value is None}
    assert unknown == {
        *("name", "cpu", "memory_mb", "governor", "power_mode"),
        *("clock_mhz", "temperature_c", "throttling"),
    }


def test_a_power_mode_without_a_name_is_shown_as_its_number(tmp_path: Path) -> None:
    root = tree(tmp_path, {"var/lib/nvpmodel/status": "pmode:0003 fmode:cool"})
    health = read_health(root)
    described = describe_device(health, health, threads=1, backend="b", root=root)
    assert described.power_mode == "3"


@pytest.mark.parametrize("online", ["performance\n", None])
def test_a_core_that_is_offline_has_no_governor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, online: str | None
) -> None:
    root = tree(tmp_path, {f"{CPU}/cpu1/cpufreq/scaling_governor": "powersave\n"})
    if online:
        tree(root, {f"{CPU}/cpu0/cpufreq/scaling_governor": online})
    read = Path.read_text

    def busy(path: Path, *args: Any, **kwargs: Any) -> str:
        if "cpu1" in path.parts:
            raise OSError(errno.EBUSY, "Device or resource busy")
        return read(path, *args, **kwargs)

    monkeypatch.setattr(Path, "read_text", busy)
    health = read_health(root)
    described = describe_device(health, health, threads=1, backend="b", root=root)
    assert described.governor == (online.strip() if online else None)


def test_an_unthrottled_processor_is_reported_as_such(tmp_path: Path) -> None:
    root = tree(tmp_path, {f"{CPU}/cpu0/thermal_throttle/core_throttle_count": "12\n"})
    health = read_health(root)
    described = describe_device(health, health, threads=1, backend="b", root=root)
    assert described.throttling == "none while measuring"
