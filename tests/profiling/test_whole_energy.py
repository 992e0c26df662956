"""Energy with memory traffic, worked out by hand for a network of two convolutions."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest

from spikerain_edge.parts import NeuronLayer
from spikerain_edge.profiling.memory_prices import PRECISIONS, MemoryPrices
from spikerain_edge.profiling.operations import GraphCount, LayerCount
from spikerain_edge.profiling.spikes import Spikes
from spikerain_edge.profiling.whole_energy import activation_bits, compare

T = 2
NEURONS = 4 * 8 * 8
INPUTS = T * 64 * 8 * 8
WEIGHTS = 9 * 64 * 4
MACS = 9 * 4 * INPUTS
RATE = 0.25
KB = 1024


def layer(name: str, neurons: tuple[str, ...], weights: int, inputs: int, macs: int) -> LayerCount:
    outputs = T * NEURONS if neurons else NEURONS
    return LayerCount(name, neurons, macs, weights, inputs, outputs, False, 0, 0)


@pytest.fixture
def network() -> Any:
    neurons = NeuronLayer("lif", channels=4, reduction=1, spikes=("a", "b"))
    return SimpleNamespace(timesteps=T, neurons=(neurons,))


@pytest.fixture
def count() -> GraphCount:
    embed = layer("embed", (), 108, 3 * 64, 9 * 3 * NEURONS)
    convolve = layer("convolve", ("lif",), WEIGHTS, INPUTS, MACS)
    return GraphCount(8, 8, (embed, convolve), ())


def spikes(rate: float) -> Spikes:
    return Spikes(T * NEURONS * rate, rate, {"convolve": MACS * rate}, {"convolve": rate})


@pytest.mark.parametrize(("timesteps", "bits"), [(1, 1), (2, 2), (3, 2), (4, 3), (7, 3), (8, 4)])
def test_an_activation_has_the_bits_of_a_count_of_spikes(timesteps: int, bits: int) -> None:
    assert activation_bits(timesteps) == bits
    assert 2**bits >= timesteps + 1 > 2 ** (bits - 1)


def test_prices_are_those_of_the_cited_figure() -> None:
    prices = MemoryPrices.load()
    found = [(prices.mac(each), prices.accumulate(each)) for each in PRECISIONS]
    assert found == [(4.6, 0.9), (1.5, 0.4), (0.23, 0.03)]
    levels = [4 * prices.byte(size) for size in (8 * KB, 8 * KB + 1, 32 * KB, 1024 * KB, 9e9)]
    assert levels == [10, 20, 20, 100, 100]
    assert all("Horowitz" in source or "same figure" in source for source in prices.sources[::2])


def test_the_parts_of_the_spiking_network_in_fp32(network: Any, count: GraphCount) -> None:
    found = compare(network, count, spikes(RATE), MemoryPrices.load(), "fp32").spiking
    embed_macs = 9 * 3 * NEURONS
    assert found.compute == pytest.approx(4.6 * embed_macs + 0.9 * RATE * MACS)
    # Weights at 2.5 and 5 pJ a byte, everything else at 25.
    embed = 108 * 4 * 2.5 + (3 * 64 * 4 + 2 * NEURONS * 4) * 25
    convolve = T * WEIGHTS * 4 * 5 + (INPUTS / 8 + 2 * T * NEURONS * 4) * 25
    potentials = T * NEURONS * (2 * 4 + 1 / 8) * 25
    assert found.memory == pytest.approx(embed + convolve + potentials)
    assert found.neurons == pytest.approx(T * NEURONS * (4.6 + 0.9))
    assert found.total == pytest.approx(found.compute + found.memory + found.neurons)


def test_the_rival_runs_once_with_activations_of_two_bits(network: Any, count: GraphCount) -> None:
    found = compare(network, count, spikes(RATE), MemoryPrices.load(), "int8").rival
    assert found.compute == pytest.approx(0.23 * (9 * 3 * NEURONS + MACS / T))
    embed = 108 * 2.5 + (3 * 64 * 2 + 2 * NEURONS * 2) * 25
    convolve = WEIGHTS * 2.5 + (INPUTS / T * 2 / 8 + 2 * NEURONS * 2) * 25
    assert found.memory == pytest.approx(embed + convolve + NEURONS * 2 / 8 * 25)
    assert found.neurons == pytest.approx(0.23 * NEURONS)


def test_both_cost_the_same_at_the_rate_of_break_even(network: Any, count: GraphCount) -> None:
    prices = MemoryPrices.load()
    rate = compare(network, count, spikes(RATE), prices, "fp32").break_even_rate
    assert rate is not None
    found = compare(network, count, spikes(rate), prices, "fp32")
    assert found.spiking.total == pytest.approx(found.rival.total)


def test_a_layer_pays_if_its_input_fires_less_than_its_rate(
    network: Any, count: GraphCount
) -> None:
    prices = MemoryPrices.load()
    rate = compare(network, count, spikes(RATE), prices, "fp32").layers["convolve"]
    assert rate is not None
    for factor, paying in ((0.99, ["convolve"]), (1.01, [])):
        found = compare(network, count, spikes(rate * factor), prices, "fp32")
        assert found.paying == paying


def test_where_memory_alone_costs_more_no_rate_breaks_even(network: Any, count: GraphCount) -> None:
    found = compare(network, count, spikes(RATE), MemoryPrices.load(), "int8")
    silent = compare(network, count, spikes(0.0), MemoryPrices.load(), "int8")
    assert silent.spiking.total > silent.rival.total
    assert found.break_even_rate is None
    assert math.isfinite(found.spiking.total)
