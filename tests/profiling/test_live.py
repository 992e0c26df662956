from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from descriptions import operation

from spikerain_edge.inference import Activity
from spikerain_edge.parts import NeuronLayer
from spikerain_edge.profiling.energy import PriceList, energy_mj, snn_derain
from spikerain_edge.profiling.latency import percentiles_ms
from spikerain_edge.profiling.live import CostMeter, FrameCost
from spikerain_edge.profiling.memory_prices import MemoryPrices
from spikerain_edge.profiling.operations import count_operations
from spikerain_edge.profiling.spikes import count_spikes
from spikerain_edge.profiling.whole_energy import activation_bits, compare
from spikerain_edge.spec import ModelSpec

# Per pixel 100 analogue MACs and 400 + 30 spiking ones, and 5000 spiking ones per image.
SPEC = ModelSpec(
    name="toy",
    variant="toy",
    timesteps=2,
    stride=4,
    precision="fp32",
    parameters=10,
    tau=2.0,
    threshold=1.0,
    neurons=(
        NeuronLayer("first", channels=8, reduction=1, spikes=("s0", "s1")),
        NeuronLayer("second", channels=24, reduction=4, spikes=("s2", "s3")),
    ),
    operations=(
        operation("stem", 100),
        operation("body", 400, neurons=("first",)),
        operation("merge", 30, 5000, ("first", "second")),
    ),
    pools=(),
    weights_sha256="",
    probe=True,
)


def rates(first: tuple[float, float], second: tuple[float, float]) -> npt.NDArray[np.float32]:
    return np.array([first, second], np.float32)


def test_dense_operations_grow_with_the_image() -> None:
    assert SPEC.macs(10, 20) == 530 * 200 + 5000
    assert SPEC.analog_macs(10, 20) == 100 * 200


def test_synaptic_operations_are_dense_ones_times_the_rate_of_what_they_read() -> None:
    # "merge" reads 8 channels that fire at 0.3 and 24 that fire at 0.1: on average at 0.15.
    expected = 400 * 200 * 0.3 + (30 * 200 + 5000) * 0.15
    measured = SPEC.synaptic_operations(10, 20, rates((0.2, 0.4), (0.1, 0.1)))
    assert measured == pytest.approx(expected)


@pytest.mark.parametrize("rate", [0.0, 0.25, 1.0])
def test_equal_firing_rates_scale_all_spiking_operations(rate: float) -> None:
    spiking = SPEC.macs(10, 20) - SPEC.analog_macs(10, 20)
    measured = SPEC.synaptic_operations(10, 20, rates((rate, rate), (rate, rate)))
    assert measured == pytest.approx(spiking * rate)


def test_rates_must_fit_the_neurons() -> None:
    with pytest.raises(ValueError, match="zip"):
        SPEC.synaptic_operations(10, 20, np.zeros((3, 2), np.float32))


def test_energy_agrees_with_the_formula_of_the_literature() -> None:
    # 2e9 MACs at 12.5 pJ are 25 mJ, 10e9 SOPs at 0.077 pJ are 0.77 mJ.
    assert energy_mj(2e9, 0, snn_derain()) == pytest.approx(25.0)
    assert energy_mj(0, 10e9, snn_derain()) == pytest.approx(0.77)
    assert energy_mj(2e9, 10e9, snn_derain()) == pytest.approx(25.77)
    assert energy_mj(1e9, 1e9, PriceList("mine", 4.6, 0.9, "")) == pytest.approx(5.5)
    assert energy_mj(0, 0, snn_derain()) == 0


def test_a_probed_frame_costs_its_analogue_operations_and_its_spikes() -> None:
    meter = CostMeter(SPEC)
    meter.add(10, 20, rates((0.2, 0.4), (0.1, 0.1)))
    cost = meter.mean()

    assert cost is not None
    sops = 400 * 200 * 0.3 + (30 * 200 + 5000) * 0.15
    assert cost.gmacs == pytest.approx((530 * 200 + 5000) * 1e-9)
    # Per 4 pixels, 32 neurons fire at 0.3 and 24 at 0.1.
    assert cost.firing_rate == pytest.approx((32 * 0.3 + 24 * 0.1) / 56)
    assert cost.gsops == pytest.approx(sops * 1e-9)
    assert cost.energy_mj == pytest.approx((100 * 200 * 12.5 + sops * 0.077) * 1e-9)


def test_energy_with_memory_is_that_of_a_profile() -> None:
    fired = rates((0.2, 0.4), (0.1, 0.1))
    meter = CostMeter(SPEC)
    meter.add(12, 20, fired)
    for _ in range(3):
        meter.add(12, 20)
    count = count_operations(SPEC, 12, 20)
    spikes = count_spikes(SPEC, count, Activity(fired, np.zeros(2, np.float32)))
    expected = compare(SPEC, count, spikes, MemoryPrices.load(), "fp32")

    cost = meter.mean()
    assert cost is not None
    assert cost.whole is not None
    assert cost.whole.activation_bits == activation_bits(SPEC.timesteps)
    assert cost.whole.spiking_mj == pytest.approx(expected.spiking.total * 1e-9)
    assert cost.whole.quantised_ann_mj == pytest.approx(expected.rival.total * 1e-9)
    assert cost.whole.ratio == pytest.approx(expected.rival.total / expected.spiking.total)
    assert cost.whole.break_even_rate == pytest.approx(expected.break_even_rate)


def test_unprobed_frames_leave_the_cost_of_a_frame_as_it_is() -> None:
    meter = CostMeter(SPEC)
    meter.add(10, 20, rates((0.2, 0.4), (0.1, 0.1)))
    sampled = meter.mean()
    for _ in range(15):
        meter.add(10, 20)
    mixed = meter.mean()
    assert sampled is not None
    assert mixed is not None
    assert mixed.gsops == pytest.approx(sampled.gsops)
    assert mixed.energy_mj == pytest.approx(sampled.energy_mj)
    assert mixed.gmacs == pytest.approx(sampled.gmacs)


def test_the_mean_is_over_frames_of_every_size() -> None:
    meter = CostMeter(SPEC)
    meter.add(10, 20, rates((0.5, 0.5), (0.5, 0.5)))
    meter.add(20, 30, rates((0.1, 0.1), (0.1, 0.1)))
    cost = meter.mean()
    assert cost is not None
    assert cost.gmacs == pytest.approx((530 * (200 + 600) / 2 + 5000) * 1e-9)
    assert cost.firing_rate == pytest.approx(0.3)


def test_without_rates_only_dense_operations_are_known() -> None:
    meter = CostMeter(SPEC)
    meter.add(10, 20)
    cost = meter.mean()
    assert cost is not None
    assert cost.gmacs == pytest.approx((530 * 200 + 5000) * 1e-9)
    assert (cost.firing_rate, cost.gsops, cost.energy_mj) == (None, None, None)


def test_before_the_first_frame_nothing_is_known() -> None:
    assert CostMeter(SPEC).mean() is None


def test_a_network_that_never_fires_costs_its_analogue_operations() -> None:
    meter = CostMeter(SPEC)
    meter.add(10, 20, np.zeros((2, 2), np.float32))
    cost = meter.mean()
    assert cost is not None
    assert cost.gsops == 0
    assert cost.energy_mj == pytest.approx(100 * 200 * 12.5e-9)


def test_operations_of_a_size_are_summed_only_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []

    def macs(spec: ModelSpec, height: int, width: int) -> float:
        asked.append((height, width))
        return 100.0

    monkeypatch.setattr(ModelSpec, "macs", macs)
    meter = CostMeter(SPEC)
    for height in (10, 20, 10, 20, 10):
        meter.add(height, 20)
    assert asked == [(10, 20), (20, 20)]


def test_a_reader_never_sees_half_of_a_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    meter = CostMeter(SPEC)
    meter.add(10, 20, rates((0.2, 0.4), (0.1, 0.1)))
    before = meter.mean()
    seen: list[FrameCost | None] = []
    count = ModelSpec.synaptic_operations

    def watched(spec: ModelSpec, *frame: Any) -> float:
        """The mean that another thread reads while a frame is being added."""
        seen.append(meter.mean())
        return count(spec, *frame)

    monkeypatch.setattr(ModelSpec, "synaptic_operations", watched)
    meter.add(20, 40, rates((0.9, 0.9), (0.9, 0.9)))
    assert seen == [before]
    assert meter.mean() != before


def test_percentiles_are_in_milliseconds() -> None:
    measured = percentiles_ms([number / 1000 for number in range(101)])
    assert measured == {"p50": 50.0, "p90": 90.0, "p95": 95.0, "p99": 99.0}
    assert percentiles_ms([0.02]) == {"p50": 20.0, "p90": 20.0, "p95": 20.0, "p99": 20.0}
    assert percentiles_ms([]) == {}
