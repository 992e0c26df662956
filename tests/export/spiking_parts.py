"""Small networks of neurons and convolutions, and their NIR graphs, for the tests."""

from __future__ import annotations

from dataclasses import dataclass

import nir
import numpy as np
from networks import randomised

from spikerain_edge.images import Image
from spikerain_export.origin import Graph, origin_of
from spikerain_export.spiking.grid import on_grid
from spikerain_export.spiking.network import SpikingNetwork
from spikerain_export.spiking.nir_file import from_bytes, to_bytes
from spikerain_export.spiking.nir_graph import nir_graph
from spikerain_export.spiking.trace import spiking_network
from spikerain_training.config import NetworkConfig

SMALL = NetworkConfig(
    "small-spike",
    8,
    growth=4,
    units=2,
    timesteps=3,
    encoder=(1, 1, 1),
    decoder=(1, 1, 1),
    shuffle=2,
    merge_finest=True,
    gates=False,
    upsampling="nearest",
)


@dataclass(frozen=True)
class Exported:
    """A network, the graph it was read from, and its NIR graph as read back."""

    network: SpikingNetwork
    graph: Graph
    made: nir.NIRGraph


def exported(config: NetworkConfig, size: tuple[int, int], grid_bits: int | None = 8) -> Exported:
    """Exports a random network."""
    return exported_from(origin_of(randomised(config)).graph, size, grid_bits)


def exported_from(graph: Graph, size: tuple[int, int], grid_bits: int | None) -> Exported:
    """Exports a graph."""
    if grid_bits is not None:
        graph = on_grid(graph, spiking_network(graph), grid_bits)
    network = spiking_network(graph)
    content = to_bytes(nir_graph(network, *size, grid_bits))
    return Exported(network, graph, from_bytes(content, "the file"))


def noise(height: int, width: int, seed: int = 0) -> Image:
    """A random picture."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
