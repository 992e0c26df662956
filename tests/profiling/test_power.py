"""Power rails of Jetson boards, and measurements on them."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest
from power_bench import Bench, build, energy, names, put

from spikerain_edge.profiling.power import measure, open_meters
from spikerain_edge.profiling.power.meter import every

ORIN_NANO_HWMON = "sys/bus/i2c/devices/1-0040/hwmon/hwmon1"


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.mark.parametrize(
    ("board", "watts"),
    [
        ("orin-nano-jetpack6", {"VDD_IN": 5.04, "VDD_CPU_GPU_CV": 1.258, "VDD_SOC": 1.5096}),
        ("xavier-nx-jetpack4", {"VDD_IN": 3.8, "VDD_CPU_GPU_CV": 0.6, "VDD_SOC": 1.0}),
        ("xavier-nx-jetpack5", {"VDD_IN": 3.8, "VDD_CPU_GPU_CV": 0.6, "VDD_SOC": 1.0}),
        (
            "agx-orin-jetpack6",
            {
                "VDD_GPU_SOC + VDD_CPU_CV + VIN_SYS_5V0": 9.0,
                "VDD_GPU_SOC": 3.6,
                "VDD_CPU_CV": 0.6,
                "VIN_SYS_5V0": 4.8,
                "VDDQ_VDD2_1V8AO": 0.4,
            },
        ),
        (
            "agx-thor-jetpack7",
            {"VIN": 25.0, "VDD_GPU": 4.0, "VDD_CPU_SOC_MSS": 10.0, "VIN_SYS_5V0": 5.0},
        ),
    ],
)
def test_jetson_rails_are_found_and_the_whole_board_comes_first(
    board: str, watts: dict[str, float], bench: Bench, tmp_path: Path
) -> None:
    meters, reason = open_meters(build(board, tmp_path), sampling=bench.sampling)

    assert reason == ""
    assert names(meters) == list(watts)
    for meter in meters:
        assert energy(meter, bench, 2.0) == pytest.approx(2.0 * watts[meter.rail])


def test_rails_for_detail_are_read_less_often(bench: Bench, tmp_path: Path) -> None:
    meters, _ = open_meters(build("orin-nano-jetpack6", tmp_path), sampling=bench.sampling)
    for meter in meters:
        energy(meter, bench, 1.0)
    assert bench.intervals == pytest.approx([0.023, 0.23, 0.23])


def test_power_is_integrated_by_the_trapezoidal_rule(bench: Bench, tmp_path: Path) -> None:
    (meter, *_), _ = open_meters(build("xavier-nx-jetpack4", tmp_path), sampling=bench.sampling)
    power = tmp_path / "sys/bus/i2c/devices/7-0040/iio:device0/in_power0_input"
    with meter:
        put(power, 5800)
        bench.wait(0.5)  # 3.8 W to 5.8 W
        put(power, 1800)
        bench.wait(1.0)  # 5.8 W to 1.8 W
        bench.now += 2.0  # 1.8 W, read only when asked
        assert meter.joules() == pytest.approx(0.5 * 4.8 + 1.0 * 3.8 + 2.0 * 1.8)


def test_a_meter_restarts_when_entered_again(bench: Bench, tmp_path: Path) -> None:
    (meter, *_), _ = open_meters(build("xavier-nx-jetpack5", tmp_path), sampling=bench.sampling)
    assert energy(meter, bench, 3.0) == pytest.approx(11.4)
    assert bench.running == 0
    bench.wait(60.0)
    assert energy(meter, bench, 1.0) == pytest.approx(3.8)


def test_a_unit_after_the_number_is_ignored(bench: Bench, tmp_path: Path) -> None:
    root = build("xavier-nx-jetpack4", tmp_path)
    put(root / "sys/bus/i2c/devices/7-0040/iio:device0/in_power0_input", "3800 mW")
    (meter, *_), _ = open_meters(root, sampling=bench.sampling)
    assert energy(meter, bench, 1.0) == pytest.approx(3.8)


def test_an_unreadable_rail_is_left_out_and_the_others_are_read(
    bench: Bench, tmp_path: Path
) -> None:
    root = build("orin-nano-jetpack6", tmp_path)
    put(root / ORIN_NANO_HWMON / "curr3_input", "garbage")
    meters, reason = open_meters(root, sampling=bench.sampling)
    assert names(meters) == ["VDD_IN", "VDD_CPU_GPU_CV"]
    assert reason == ""


def test_no_other_rail_replaces_the_rail_of_the_whole_board(bench: Bench, tmp_path: Path) -> None:
    root = build("agx-orin-jetpack6", tmp_path)
    put(root / "sys/bus/i2c/devices/1-0040/hwmon/hwmon3/in3_input", "")
    meters, _ = open_meters(root, sampling=bench.sampling)
    assert names(meters) == ["VDD_GPU_SOC", "VDD_CPU_CV", "VDDQ_VDD2_1V8AO"]


def test_the_reason_names_every_file_that_fails(bench: Bench, tmp_path: Path) -> None:
    root = build("orin-nano-jetpack6", tmp_path)
    folder = root / ORIN_NANO_HWMON
    (folder / "in1_input").unlink()
    (folder / "in1_input").mkdir()
    put(folder / "in2_input", "n/a")
    (folder / "curr3_input").write_bytes(b"\xff\xfe")
    meters, reason = open_meters(root, sampling=bench.sampling)
    assert meters == []
    assert f"{folder}/in1_input cannot be read: Is a directory" in reason
    assert f"{folder}/in2_input holds 'n/a', which is not a number" in reason
    assert f"{folder}/curr3_input is not a text file" in reason


def test_idle_power_is_measured_first_and_reported_separately(bench: Bench, tmp_path: Path) -> None:
    meters, _ = open_meters(build("xavier-nx-jetpack4", tmp_path), sampling=bench.sampling)
    power = tmp_path / "sys/bus/i2c/devices/7-0040/iio:device0/in_power0_input"

    def work() -> None:
        put(power, 13_800)
        bench.wait(0.0)
        bench.wait(4.0)

    result = measure(meters, work, 2.0, clock=lambda: bench.now, sleep=bench.wait)

    assert result.rail == "VDD_IN"
    assert result.seconds == pytest.approx(4.0)
    assert result.idle_watts == pytest.approx(3.8)
    assert result.joules == pytest.approx(4.0 * 13.8)
    assert result.net_joules == pytest.approx(40.0)
    assert result.reason == ""
    assert [rail.rail for rail in result.others] == ["VDD_CPU_GPU_CV", "VDD_SOC"]
    assert [rail.joules for rail in result.others] == pytest.approx([2.4, 4.0])
    assert bench.running == 0


def test_a_rail_that_vanishes_half_way_has_a_reason_and_no_joules(
    bench: Bench, tmp_path: Path
) -> None:
    meters, _ = open_meters(build("orin-nano-jetpack6", tmp_path), sampling=bench.sampling)
    current = tmp_path / ORIN_NANO_HWMON / "curr1_input"

    def work() -> None:
        current.unlink()
        bench.wait(1.0)
        put(current, 1000)  # it comes back, but what it missed is gone
        bench.wait(1.0)

    result = measure(meters, work, 1.0, clock=lambda: bench.now, sleep=bench.wait)

    assert result.rail == "VDD_IN"
    assert result.joules is None
    assert result.net_joules is None
    assert result.idle_watts == pytest.approx(5.04)
    assert result.reason.startswith(f"during the work: {current} cannot be read")
    assert result.others[0].joules == pytest.approx(2 * 1.258)


def test_the_work_runs_even_if_a_rail_disappears_before_it(bench: Bench, tmp_path: Path) -> None:
    root = build("xavier-nx-jetpack4", tmp_path)
    meters, _ = open_meters(root, sampling=bench.sampling)
    shutil.rmtree(root / "sys")
    ran = []
    result = measure(meters, lambda: ran.append(1), 1.0, clock=lambda: bench.now, sleep=bench.wait)
    assert ran == [1]
    assert result.joules is None
    assert "during the work" in result.reason
    assert "at idle" in result.reason


def test_without_rails_the_work_runs_without_energy(bench: Bench) -> None:
    result = measure([], lambda: bench.wait(3.0), 5.0, clock=lambda: bench.now, sleep=bench.wait)
    assert result.seconds == pytest.approx(3.0)  # nothing to wait for at idle
    assert (result.rail, result.joules, result.idle_watts, result.net_joules) == (None,) * 4
    assert result.reason == "no power rail can be read"


def test_idle_power_can_be_skipped(bench: Bench, tmp_path: Path) -> None:
    meters, _ = open_meters(build("xavier-nx-jetpack4", tmp_path), sampling=bench.sampling)
    result = measure(meters, lambda: bench.wait(1.0), 0.0, clock=lambda: bench.now)
    assert result.joules == pytest.approx(3.8)
    assert result.net_joules is None
    assert "idle power was not measured" in result.reason


def test_meters_stop_when_the_work_fails(bench: Bench, tmp_path: Path) -> None:
    meters, _ = open_meters(build("xavier-nx-jetpack4", tmp_path), sampling=bench.sampling)

    def work() -> None:
        assert bench.running == len(meters)
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        measure(meters, work, 1.0, clock=lambda: bench.now, sleep=bench.wait)
    assert bench.running == 0


def test_the_ticker_calls_until_its_context_ends() -> None:
    calls: list[int] = []
    reached = threading.Event()

    def tick() -> None:
        calls.append(1)
        if len(calls) == 3:
            reached.set()

    with every(0.0001, tick):
        assert reached.wait(30.0)
    assert not any(thread.name == "power-sampling" for thread in threading.enumerate())
