"""Runs a spiking network on a simulator and here, and reports how they differ."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikerain_edge.images import Image
from spikerain_edge.neuromorphic.comparison import Comparison, by_layer, compare
from spikerain_edge.neuromorphic.convolution import Floats
from spikerain_edge.neuromorphic.graph import Graph
from spikerain_edge.neuromorphic.reference import Recording, read_out, run_reference
from spikerain_edge.neuromorphic.simulators import (
    Mapping,
    Simulator,
    bytes_per_synapse,
    map_on_spinnaker,
    simulate,
)
from spikerain_edge.neuromorphic.unrolling import most_synapses, require_memory, unroll
from spikerain_edge.system import available_memory


@dataclass(frozen=True)
class SpikingModel:
    """A spiking network that removes rain.

    `restored = image + sum over t of time_weights[t] * pixel_shuffle(output[t], cell)`

    Attributes:
        name: name of the model.
        graph: the network. It reads an image as `(3, H, W)`, BGR, 0 to 255.
        time_weights: share of each timestep in the picture, `(T,)`.
        cell: sides of the square of pixels that one place of the output holds.
    """

    name: str
    graph: Graph
    time_weights: npt.NDArray[np.float64]
    cell: int

    @property
    def timesteps(self) -> int:
        """Number of timesteps."""
        return len(self.time_weights)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of its images."""
        _, height, width = self.graph.shapes[self.graph.input]
        return height, width


@dataclass(frozen=True)
class Experiment:
    """What a simulator computed, beside the network itself.

    Attributes:
        version: name and version of the simulator.
        layers: number of layers of neurons.
        neurons: number of neurons.
        synapses: number of synapses, with those of the clock.
        comparison: spikes and membrane potentials compared.
        build_s: seconds for creating cells and synapses in the simulator.
        run_s: seconds for running them.
        reference_s: seconds of the network itself, in NumPy.
        restored: the picture from the network's spikes.
        simulated: the picture from the simulator's spikes.
    """

    version: str
    layers: int
    neurons: int
    synapses: int
    comparison: Comparison
    build_s: float
    run_s: float
    reference_s: float
    restored: Image
    simulated: Image


def experiment(model: SpikingModel, image: Image, simulator: Simulator, python: str) -> Experiment:
    """Runs a network on a simulator and in NumPy.

    Args:
        model: the network.
        image: a rainy image of the network's size, (H, W, 3) uint8 BGR.
        simulator: the simulator.
        python: the Python that has the simulator.

    Raises:
        ComputeError: the network does not fit in memory, or the simulation failed.
        InputError: the simulator is not installed.
        ModelError: the network has no neurons.
    """
    _require_room(model, simulator)
    planes = _planes(image)
    started = time.perf_counter()
    reference = run_reference(model.graph, planes, model.timesteps)
    reference_s = time.perf_counter() - started
    cells = unroll(model.graph, planes, model.timesteps)
    simulation = simulate(cells, simulator, python)
    simulated = by_layer(model.graph, cells, simulation)
    return Experiment(
        version=simulation.version,
        layers=len(cells.layers),
        neurons=cells.count,
        synapses=cells.synapses,
        comparison=compare(reference, simulated),
        build_s=simulation.build_s,
        run_s=simulation.run_s,
        reference_s=reference_s,
        restored=_restored(model, planes, reference),
        simulated=_restored(model, planes, simulated),
    )


def mapping(model: SpikingModel, image: Image, python: str) -> Mapping:
    """Maps a network onto a virtual SpiNNaker board.

    Args:
        model: the network.
        image: a rainy image, as in `experiment`; its currents are part of the mapping.
        python: the Python that has sPyNNaker.

    Raises:
        ComputeError, InputError, ModelError: as `experiment` does.
    """
    _require_room(model, Simulator.SPINNAKER)
    return map_on_spinnaker(unroll(model.graph, _planes(image), model.timesteps), python)


def _require_room(model: SpikingModel, simulator: Simulator) -> None:
    cells = sum(neurons.threshold.size for neurons in model.graph.layers.values())
    synapses = most_synapses(model.graph)
    require_memory(cells, synapses, bytes_per_synapse(simulator), available_memory())


def _planes(image: Image) -> Floats:
    return np.ascontiguousarray(image.transpose(2, 0, 1), np.float32)


def _restored(model: SpikingModel, planes: Floats, recording: Recording) -> Image:
    """Returns the picture that the spikes of a recording make."""
    outputs = read_out(model.graph, planes, recording.spikes)
    summed = np.tensordot(model.time_weights, outputs.astype(np.float64), 1)
    channels, rows, columns = summed.shape
    cell = model.cell
    shares = summed.reshape(channels // cell**2, cell, cell, rows, columns)
    residual = np.moveaxis(shares, (1, 2), (2, 4)).reshape(planes.shape)
    levels = np.clip(np.rint(planes + residual), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(levels.transpose(1, 2, 0))
