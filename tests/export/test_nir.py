"""NIR graphs compute the spikes and pictures of the graphs that they were made from."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import nir
import numpy as np
import onnx
import pytest
from networks import randomised
from onnx import numpy_helper
from spiking_parts import SMALL, Exported, exported, noise

from spikerain_edge.errors import InputError, ModelError
from spikerain_export.origin import Graph, Origin, origin_of
from spikerain_export.spiking.delivery import deliver_nir
from spikerain_export.spiking.grid import on_grid, require_exact
from spikerain_export.spiking.nir_graph import metadata_of
from spikerain_export.spiking.proof import Equality, prove
from spikerain_export.spiking.trace import spiking_network
from spikerain_export.truth import Scene

SIZE = (24, 16)
IMAGES = [noise(*SIZE), noise(*SIZE, seed=1)]


def proven(found: Exported, made: nir.NIRGraph, exact: bool = True) -> Equality:
    return prove(found.network, found.graph, made, IMAGES, exact)


@pytest.fixture(scope="module")
def gridded() -> Exported:
    return exported(SMALL, SIZE)


@pytest.fixture
def origin() -> Origin:
    return origin_of(randomised(SMALL))


def test_every_spike_is_that_of_the_network(gridded: Exported) -> None:
    found = proven(gridded, gridded.made)
    neurons = sum(
        layer.channels * (SIZE[0] // layer.scale) * (SIZE[1] // layer.scale)
        for layer in gridded.network.neurons.values()
    )
    assert found.spikes == neurons * SMALL.timesteps * len(IMAGES)
    assert found.different == 0
    assert found.picture < 1e-3


@pytest.mark.slow
def test_networks_without_pixel_shuffle_are_exported() -> None:
    found = exported(replace(SMALL, shuffle=1, timesteps=1), SIZE, grid_bits=None)
    assert proven(found, found.made, exact=False).different <= 2


def test_the_file_has_only_nodes_that_every_simulator_reads(gridded: Exported) -> None:
    kinds = {type(node) for node in gridded.made.nodes.values()}
    assert kinds == {nir.Input, nir.Output, nir.Conv2d, nir.LIF}
    assert all(name.isidentifier() for name in gridded.made.nodes)
    (last,) = (source for source, target in gridded.made.edges if target == "output")
    assert last == "readout"
    found = metadata_of(gridded.made)
    assert (found["model"], found["timesteps"], found["grid_bits"]) == ("small-spike", 3, 8)
    assert found["time_weights"].sum() == pytest.approx(1)


@pytest.mark.parametrize("name", ["embed", "up1_convolve", "decoder1_0_units_1"])
def test_a_wrong_weight_is_noticed(gridded: Exported, name: str) -> None:
    made = deepcopy(gridded.made)
    weight = made.nodes[name].weight
    weight.flat[np.flatnonzero(weight)[0]] += 1
    with pytest.raises(ModelError, match=r"differs from its network in .* nothing was written"):
        proven(gridded, made)


def test_a_wrong_readout_is_noticed(gridded: Exported) -> None:
    made = deepcopy(gridded.made)
    made.nodes["readout"].bias[5] += 0.1
    with pytest.raises(ModelError, match=r"differs from its network in pictures by up to 0\.1"):
        proven(gridded, made)


@pytest.mark.parametrize(("parameter", "factor"), [("v_threshold", 1.5), ("tau", 2.0), ("r", 2.0)])
def test_wrong_neurons_are_noticed(gridded: Exported, parameter: str, factor: float) -> None:
    made = deepcopy(gridded.made)
    getattr(made.nodes["down1_neuron"], parameter)[:] *= factor
    with pytest.raises(ModelError, match=r"spikes of down1\.neuron"):
        proven(gridded, made)


def test_without_a_grid_spikes_may_differ_only_near_the_threshold(gridded: Exported) -> None:
    for shift, passes in ((1e-6, True), (1e-2, False)):
        made = deepcopy(gridded.made)
        made.nodes["embed"].bias += np.float32(shift)
        if passes:
            assert proven(gridded, made, exact=False).different < 10
        else:
            with pytest.raises(ModelError, match=r"spikes of \w+"):
                proven(gridded, made, exact=False)


@pytest.mark.slow
def test_equal_networks_give_equal_files(origin: Origin, tmp_path: Path) -> None:
    files = [tmp_path / "one.nir", tmp_path / "two.nir"]
    for file in files:
        deliver_nir(origin, SIZE, file, lambda: [Scene(image) for image in IMAGES])
    assert files[0].read_bytes() == files[1].read_bytes()


def test_timesteps_with_other_weights_write_no_file(origin: Origin, tmp_path: Path) -> None:
    model = _second_timestep_changed(origin.graph.model)
    changed = replace(origin, graph=Graph(model, origin.graph.spec))
    with pytest.raises(ModelError, match="report this model as a bug"):
        deliver_nir(changed, SIZE, tmp_path / "a.nir", lambda: [Scene(IMAGES[0])])
    assert not list(tmp_path.iterdir())


def _second_timestep_changed(model: onnx.ModelProto) -> onnx.ModelProto:
    made = onnx.ModelProto()
    made.CopyFrom(model)
    (node,) = (each for each in made.graph.node if each.output[0] == "down1.convolve/1")
    (weight,) = (each for each in made.graph.initializer if each.name == node.input[1])
    other = numpy_helper.from_array(2 * numpy_helper.to_array(weight), "other")
    made.graph.initializer.append(other)
    node.input[1] = "other"
    return made


def test_weights_lie_on_the_grid(gridded: Exported) -> None:
    for node in gridded.made.nodes.values():
        if isinstance(node, nir.Conv2d):
            for values in (node.weight, node.bias):
                assert np.array_equal(np.round(values * 2**16), values * 2**16)
    # Doubled weights are multiples of twice the grid.
    weight = gridded.made.nodes["down1_convolve"].weight
    assert np.array_equal(np.round(weight * 2**7), weight * 2**7)
    assert not np.array_equal(np.round(weight * 2**6), weight * 2**6)


def test_a_grid_that_float32_cannot_hold_is_refused(origin: Origin) -> None:
    network = spiking_network(on_grid(origin.graph, spiking_network(origin.graph), 16))
    with pytest.raises(InputError, match=r"could need \d+ bits; .*use a coarser grid: --grid \d+"):
        require_exact(network, 16)


def test_whole_frames_are_refused(origin: Origin, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has 47 million neurons at 1920x1080; .*--imgsz 32"):
        deliver_nir(origin, (1080, 1920), tmp_path / "a.nir", list)
