"""Opens a model as a spiking network of one image size: a NIR file, or a model that becomes one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spikerain_edge.errors import InputError
from spikerain_edge.images import Image
from spikerain_edge.neuromorphic.experiment import SpikingModel
from spikerain_edge.neuromorphic.simulators import Simulator, bytes_per_synapse
from spikerain_edge.neuromorphic.unrolling import require_memory
from spikerain_edge.sizes import Size
from spikerain_edge.system import available_memory
from spikerain_export.conversion import Request, require_convertible
from spikerain_export.origin import open_origin
from spikerain_export.spiking.grid import on_grid, require_exact
from spikerain_export.spiking.network import IMAGE, Convolution, SpikingNetwork
from spikerain_export.spiking.nir_file import SUFFIX
from spikerain_export.spiking.nir_graph import nir_graph
from spikerain_export.spiking.proof import Source
from spikerain_export.spiking.runnable import read_runnable, runnable
from spikerain_export.spiking.trace import spiking_network


@dataclass(frozen=True)
class OpenedModel:
    """A spiking network and the model that it was made from.

    Attributes:
        model: the network.
        restore: returns the picture of the model itself, in ONNX Runtime; None for a NIR file.
    """

    model: SpikingModel
    restore: Callable[[Image], Image] | None


def open_spiking(
    name: str, size: Size | None, grid_bits: int | None, simulator: Simulator
) -> OpenedModel:
    """Opens a model.

    Args:
        name: shipped model, checkpoint folder, ONNX file or NIR file.
        size: height and width; a NIR file has its own.
        grid_bits: rounds weights to multiples of `2**-grid_bits`; None leaves them as they are.
        simulator: what will run it; its memory limits the size.

    Raises:
        ComputeError: a network of that size does not fit in memory.
        InputError: the model does not exist, or has parts that simulators lack. Or the size is
            missing or not valid, or the grid is too fine. Or an option does not fit a NIR file.
        ModelError: the file is damaged.
    """
    if Path(name).suffix == SUFFIX:
        return OpenedModel(_of_file(name, size, grid_bits), None)
    if size is None:
        raise InputError("a spiking network has one image size", "give the size: --size 16")
    origin = open_origin(name)
    require_convertible(origin, Request(size=size))
    graph, network = origin.graph, spiking_network(origin.graph)
    _require_room(network, size, simulator)
    if grid_bits is not None:
        graph = on_grid(graph, network, grid_bits)
        network = spiking_network(graph)
        require_exact(network, grid_bits)
    source = Source(network, graph)

    def restore(image: Image) -> Image:
        residual = source(image)[1]
        return np.clip(np.round(image + residual), 0, 255).astype(np.uint8)

    made = nir_graph(network, *size, grid_bits)
    return OpenedModel(runnable(made, name), restore)


def _require_room(network: SpikingNetwork, size: Size, simulator: Simulator) -> None:
    """Refuses a size that does not fit in memory before its arrays are made."""
    cells = synapses = 0
    for layer in network.neurons.values():
        count = layer.channels * size[0] * size[1] // layer.scale**2
        cells += count
        # One more for the clock.
        synapses += count * (1 + sum(_fan_in(each) for each in layer.currents))
    require_memory(cells, synapses, bytes_per_synapse(simulator), available_memory())


def _fan_in(convolution: Convolution) -> int:
    """Returns how many neurons a neuron reads, at most; none of the image, which is a current."""
    if convolution.source == IMAGE:
        return 0
    return int(np.count_nonzero(convolution.weight, axis=(1, 2, 3)).max())


def _of_file(name: str, size: Size | None, grid_bits: int | None) -> SpikingModel:
    if grid_bits is not None:
        raise InputError(
            "--grid does not apply to NIR files, whose weights are fixed",
            "leave it out, or name the model that the file was made from",
        )
    model = read_runnable(Path(name))
    if size not in (None, model.size):
        height, width = model.size
        raise InputError(
            f"{name} is made for images of {width}x{height}", f"use --size {width}x{height}"
        )
    return model
