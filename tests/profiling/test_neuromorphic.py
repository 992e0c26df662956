"""What neuromorphic chips would need for a frame."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest

from spikerain_edge.parts import NeuronLayer
from spikerain_edge.profiling.neuromorphic import Chip, neuromorphic, on_chip
from spikerain_edge.profiling.operations import GraphCount, LayerCount
from spikerain_edge.profiling.spikes import Spikes

T = 3
# 8 channels at full resolution and 24 at a quarter of the pixels, of an image of 40x60.
FIRST, SECOND = 8 * 2400, 24 * 600
CHIP = Chip("a chip", 10.0, 100.0, neurons_per_core=1000, cores_per_chip=4, source="nowhere")
SPIKES = Spikes(5000.0, 0.05, {"body": 2e6, "merge": 1e6}, {"body": 0.1, "merge": 0.2})


@pytest.fixture
def network() -> Any:
    layers = (
        NeuronLayer("first", channels=8, reduction=1, spikes=("a", "b", "c")),
        NeuronLayer("second", channels=24, reduction=4, spikes=("d", "e", "f")),
    )
    return SimpleNamespace(timesteps=T, neurons=layers)


@pytest.fixture
def count() -> GraphCount:
    stem = LayerCount("stem", (), 7_000_000, 10, 10, 10, False, 0, 0)
    body = LayerCount("body", ("first",), 20_000_000, 10, 10, 10, False, 0, 0)
    return GraphCount(40, 60, (stem, body), ())


def test_energy_is_that_of_synapses_and_of_updates(network: Any, count: GraphCount) -> None:
    row = on_chip(network, (40, 60), count, SPIKES, CHIP)
    assert row.neurons == FIRST + SECOND
    assert row.updates == T * (FIRST + SECOND)
    assert row.synapses_mj == pytest.approx(3e6 * 10e-9)
    assert row.neurons_mj == pytest.approx(T * (FIRST + SECOND) * 100e-9)
    assert row.energy_mj == pytest.approx(row.synapses_mj + row.neurons_mj)
    assert row.host_gmacs == pytest.approx(7e-3)
    assert (row.spikes, row.gsops) == (5000.0, pytest.approx(3e-3))


def test_a_core_holds_neurons_of_one_layer(network: Any, count: GraphCount) -> None:
    row = on_chip(network, (40, 60), count, SPIKES, CHIP)
    assert row.cores == math.ceil(FIRST / 1000) + math.ceil(SECOND / 1000) == 35
    assert row.chips == 9


def test_every_chip_has_its_source(network: Any, count: GraphCount) -> None:
    found = neuromorphic(network, [((40, 60), count, SPIKES)])
    assert [row.chip for row in found.rows] == ["Intel Loihi", "SpiNNaker"]
    for source, publication in zip(found.sources, ("IEEE Micro", "1903.08941"), strict=True):
        assert publication in source
    assert "not a measurement" in found.meaning
    assert neuromorphic(network, []).rows == []
