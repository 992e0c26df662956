"""Energy counters of processors and GPUs."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from power_bench import Bench, build, energy, names, put

from spikerain_edge.profiling.power import RailError, open_meters

PACKAGE = "sys/class/powercap/intel-rapl:0"


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_desktop_has_its_package_first_and_each_counter_once(
    bench: Bench, tmp_path: Path
) -> None:
    meters, reason = open_meters(build("intel-desktop", tmp_path), sampling=bench.sampling)
    assert reason == ""
    assert names(meters) == ["package-0", "package-0/core", "package-0/uncore", "psys"]
    with meters[0]:
        put(tmp_path / PACKAGE / "energy_uj", 262_012_500_000)
        assert meters[0].joules() == pytest.approx(12.5)


def test_packages_of_a_server_are_added(bench: Bench, tmp_path: Path) -> None:
    meters, _ = open_meters(build("two-socket-server", tmp_path), sampling=bench.sampling)
    assert names(meters) == ["package-0 + package-1", "package-0", "package-1"]
    with meters[0]:
        put(tmp_path / PACKAGE / "energy_uj", 65_003_000_000)
        put(tmp_path / "sys/class/powercap/intel-rapl:1/energy_uj", 5_000_000)
        assert meters[0].joules() == pytest.approx(7.0)


def test_a_counter_may_wrap_around_more_than_once(bench: Bench, tmp_path: Path) -> None:
    (meter, *_), _ = open_meters(build("intel-desktop", tmp_path), sampling=bench.sampling)
    counter = tmp_path / PACKAGE / "energy_uj"
    span = 262_143.328850
    with meter:
        put(counter, 1_000_000)
        bench.wait(1.0)
        put(counter, 262_143_000_000)
        bench.wait(1.0)
        put(counter, 2_000_000)
        assert meter.joules() == pytest.approx(2 * span + 2.0 - 262_000.0)


def test_the_error_about_unreadable_counters_explains_permissions(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Path.read_text

    def guarded(path: Path, encoding: str | None = None) -> str:
        if path.name == "energy_uj":
            raise PermissionError(13, "Permission denied")
        return read(path, encoding=encoding)

    root = build("intel-desktop", tmp_path)
    monkeypatch.setattr(Path, "read_text", guarded)
    meters, reason = open_meters(root, sampling=bench.sampling)
    assert meters == []
    assert f"only root may read {root / PACKAGE}/energy_uj" in reason
    assert "sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj" in reason


class NVMLError(Exception):
    """The exception that the library raises."""


def nvml(counter: bool = True, power: bool = True) -> Any:
    """A stand-in for `pynvml` with one GPU at 42 W whose energy counter moves by 3 J a reading."""
    library: Any = ModuleType("pynvml")
    library.NVMLError = NVMLError
    library.energy_mj = 1_000_000

    def total(device: object) -> int:
        if not counter:
            raise NVMLError("Not Supported")
        library.energy_mj += 3000
        return int(library.energy_mj)

    def usage(device: object) -> int:
        if not power:
            raise NVMLError("Not Supported")
        return 42_000

    library.nvmlInit = library.nvmlShutdown = lambda: None
    library.nvmlDeviceGetCount = lambda: 1
    library.nvmlDeviceGetHandleByIndex = lambda index: object()
    library.nvmlDeviceGetName = lambda device: b"RTX 2000"
    library.nvmlDeviceGetTotalEnergyConsumption = total
    library.nvmlDeviceGetPowerUsage = usage
    return library


@pytest.fixture
def gpu_root(tmp_path: Path) -> Path:
    put(tmp_path / "proc/driver/nvidia/version", "NVRM version: 550.54")
    return tmp_path


@pytest.mark.parametrize(("counter", "joules"), [(True, 6.0), (False, 84.0)])
def test_a_gpu_is_read_by_its_counter_or_by_its_power(
    counter: bool, joules: float, bench: Bench, gpu_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", nvml(counter))
    (meter,), _ = open_meters(gpu_root, sampling=bench.sampling)
    assert meter.rail == "GPU 0 (RTX 2000)"
    assert energy(meter, bench, 2.0) == pytest.approx(joules)


def test_a_gpu_without_sensors_says_so(
    bench: Bench, gpu_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", nvml(counter=False, power=False))
    meters, reason = open_meters(gpu_root, sampling=bench.sampling)
    assert meters == []
    assert "the NVIDIA driver does not answer nvmlDeviceGetPowerUsage: Not Supported" in reason


def test_a_gpu_counter_that_is_reset_is_lost(
    bench: Bench, gpu_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = nvml()
    monkeypatch.setitem(sys.modules, "pynvml", library)
    (meter,), _ = open_meters(gpu_root, sampling=bench.sampling)
    with meter:
        library.energy_mj = 0
        with pytest.raises(RailError, match="reset"):
            meter.joules()


def test_the_engine_decides_whether_processor_or_gpu_comes_first(
    bench: Bench, gpu_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", nvml())
    root = build("intel-desktop", gpu_root)
    on_cpu, _ = open_meters(root, sampling=bench.sampling)
    on_gpu, _ = open_meters(root, gpu=True, sampling=bench.sampling)
    assert names(on_cpu)[0] == "package-0"
    assert names(on_gpu)[0] == "GPU 0 (RTX 2000)"
    assert sorted(names(on_cpu)) == sorted(names(on_gpu))


def test_a_missing_library_is_named_with_the_command_that_installs_it(
    bench: Bench, gpu_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    meters, reason = open_meters(gpu_root, sampling=bench.sampling)
    assert meters == []
    assert "pip install nvidia-ml-py" in reason


def test_a_machine_without_sensors_says_what_was_looked_for(bench: Bench, tmp_path: Path) -> None:
    meters, reason = open_meters(tmp_path, sampling=bench.sampling)
    assert meters == []
    assert reason == (
        "no Jetson power sensor (INA3221); no processor energy counter (RAPL); no NVIDIA GPU"
    )
