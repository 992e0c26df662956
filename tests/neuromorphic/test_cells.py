"""A network as cells and synapses against the network itself, by a small event-driven loop."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from toy_network import TIMESTEPS, one_weight_doubled, toy_image, toy_network

from spikerain_edge.errors import ComputeError, ModelError
from spikerain_edge.neuromorphic.comparison import Comparison, by_layer, compare
from spikerain_edge.neuromorphic.convolution import Conv2d
from spikerain_edge.neuromorphic.graph import Graph, Input, Output
from spikerain_edge.neuromorphic.reference import run_reference
from spikerain_edge.neuromorphic.simulators import Simulation
from spikerain_edge.neuromorphic.unrolling import (
    Cells,
    depths,
    most_synapses,
    require_memory,
    unroll,
)


def test_depth_is_the_longest_way_from_the_image() -> None:
    assert depths(toy_network()) == {"fine": 1, "coarse": 2, "decoded": 3}


def test_an_edge_that_skips_a_layer_takes_two_timesteps() -> None:
    cells = unroll(toy_network(), toy_image(), TIMESTEPS)
    layer = np.repeat(np.arange(3), cells.sizes)
    skipping = (layer[cells.source] == 0) & (layer[cells.target] == 2)
    assert set(cells.delay[skipping]) == {2}
    assert set(cells.delay[~skipping]) == {1}


def test_every_cell_spikes_as_the_network_does() -> None:
    for seed in range(5):
        found = _compared(unroll(toy_network(seed), toy_image(seed), TIMESTEPS), seed)
        assert 0 < found.spikes < found.compared
        assert found.different == 0
        assert found.first_different is None
        assert found.potential_difference == 0


def test_a_wrong_delay_is_seen() -> None:
    cells = unroll(toy_network(), toy_image(), TIMESTEPS)
    found = _compared(replace(cells, delay=np.ones_like(cells.delay)))
    assert found.different > 0
    assert found.first_different == "decoded"


def test_a_doubled_weight_is_seen() -> None:
    cells = unroll(toy_network(), toy_image(), TIMESTEPS)
    doubled = one_weight_doubled(cells, _stepped(cells).spikes)
    assert _compared(doubled).potential_difference > 0


def test_synapses_are_the_convolution() -> None:
    rng = np.random.default_rng(0)
    for side, stride, padding in ((3, 1, 1), (3, 2, 1), (2, 2, 0), (5, 1, 2), (1, 1, 0)):
        weight = rng.normal(size=(4, 3, side, side)).astype(np.float32)
        bias = rng.normal(size=4).astype(np.float32)
        image = rng.normal(size=(3, 7, 6)).astype(np.float32)
        expected = torch.conv2d(
            *map(torch.from_numpy, (image[None], weight, bias)), stride=stride, padding=padding
        )[0].numpy()
        layer = Conv2d(weight, bias, (stride, stride), (padding, padding))
        np.testing.assert_allclose(layer.apply(image), expected, atol=1e-5)
        sums = (layer.synapses(image.shape) @ image.ravel()).reshape(expected.shape)
        np.testing.assert_allclose(sums + bias[:, None, None], expected, atol=1e-5)


def test_the_bound_on_synapses_holds() -> None:
    graph = toy_network()
    assert unroll(graph, toy_image(), TIMESTEPS).synapses <= most_synapses(graph)


def test_a_network_too_large_for_memory_is_refused() -> None:
    require_memory(10, 2000, 100, 200_000)
    require_memory(10, 2000, 100, None)
    with pytest.raises(ComputeError, match="1,000 neurons with up to 2,000 synapses"):
        require_memory(1000, 2000, 100, 199_999)


def test_a_loop_is_refused() -> None:
    graph = toy_network()
    with pytest.raises(ModelError, match="loop"):
        Graph(graph.nodes, [*graph.edges, ("up", "down")])


def test_an_edge_out_of_the_output_is_refused() -> None:
    graph = toy_network()
    with pytest.raises(ModelError, match="the output of the spiking network has edges"):
        Graph(graph.nodes, [*graph.edges, (graph.output, "down")])


def test_edges_of_different_shapes_are_refused() -> None:
    graph = toy_network()
    with pytest.raises(ModelError, match="the edges into 'decoded' have different shapes"):
        Graph(graph.nodes, [*graph.edges, ("fine", "decoded")])


def test_a_network_without_neurons_is_refused() -> None:
    graph = Graph({"image": Input((3, 8, 8)), "picture": Output()}, [("image", "picture")])
    with pytest.raises(ModelError, match="no neurons"):
        unroll(graph, toy_image(), TIMESTEPS)


def _compared(cells: Cells, seed: int = 0) -> Comparison:
    graph = toy_network(seed)
    reference = run_reference(graph, toy_image(seed), TIMESTEPS)
    return compare(reference, by_layer(graph, cells, _stepped(cells)))


def _stepped(cells: Cells) -> Simulation:
    """Steps through time and delivers each spike after its delay."""
    depth = np.repeat(cells.depth, cells.sizes)
    steps = cells.timesteps + int(depth.max())
    arriving = np.zeros((steps + int(depth.max()) + 1, cells.count))
    for step in range(cells.timesteps):
        np.add.at(arriving, (depth + step, np.arange(cells.count)), cells.drive)
    potential = np.zeros(cells.count)
    spikes = np.zeros((steps, cells.count), bool)
    potentials = np.zeros((steps, cells.count))
    for step in range(steps):
        potential = cells.decay * potential + arriving[step]
        spikes[step] = potential >= cells.threshold
        potential[spikes[step]] = 0
        potentials[step] = potential
        sent = spikes[step][cells.source]
        np.add.at(arriving, (step + cells.delay[sent], cells.target[sent]), cells.weight[sent])
    own = depth + np.arange(cells.timesteps)[:, None]
    cell = np.arange(cells.count)
    return Simulation("a loop", spikes[own, cell], potentials[own, cell], 0.0, 0.0)
