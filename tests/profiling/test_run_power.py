"""The power rail of a run."""

from __future__ import annotations

from pathlib import Path

import pytest
from power_bench import Bench, build

from spikerain_edge.profiling.power import MeasuredEnergy, RunMeter, open_meters

RAIL = "sys/bus/i2c/devices/1-0040/hwmon/hwmon1/in1_input"


@pytest.fixture
def bench() -> Bench:
    return Bench()


def opened(bench: Bench, root: Path) -> RunMeter:
    meters, reason = open_meters(root, sampling=bench.sampling)
    return RunMeter(meters, reason, clock=lambda: bench.now)


def test_the_rail_of_the_machine_is_read_while_the_run_lasts(bench: Bench, tmp_path: Path) -> None:
    meter = opened(bench, build("orin-nano-jetpack6", tmp_path))
    assert meter.energy(0).reason == "the run has not begun"
    with meter:
        bench.wait(10)
        half = meter.energy(20)
        bench.wait(10)
    bench.wait(1000)
    whole = meter.energy(40)
    assert (half.joules, half.joules_per_frame) == pytest.approx((50.4, 2.52))
    assert (whole.joules, whole.watts) == pytest.approx((100.8, 5.04))
    assert whole.joules_per_frame == pytest.approx(2.52)
    assert (whole.rail, whole.reason) == ("VDD_IN", "")
    assert meter.energy(0).joules_per_frame is None
    assert bench.running == 0


def test_a_rail_that_vanishes_has_a_reason_and_no_joules(bench: Bench, tmp_path: Path) -> None:
    meter = opened(bench, build("orin-nano-jetpack6", tmp_path))
    with meter:
        (tmp_path / RAIL).unlink()
        bench.wait(1)
    energy = meter.energy(5)
    assert (energy.joules, energy.watts, energy.joules_per_frame) == (None, None, None)
    assert RAIL in energy.reason


def test_a_machine_without_rails_says_why() -> None:
    with RunMeter([], "no rail here") as meter:
        assert meter.energy(5) == MeasuredEnergy(None, reason="no rail here")
