"""The spiking network as this project computes it: a loop over timesteps in float32."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

import numpy as np
import numpy.typing as npt

from spikerain_edge.neuromorphic.convolution import Conv2d, Floats
from spikerain_edge.neuromorphic.graph import Graph

Spikes = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Recording:
    """What the neurons did.

    Attributes:
        spikes: by layer, `(T, *shape)`.
        potentials: membrane potentials after the reset, by layer, `(T, *shape)`.
    """

    spikes: dict[str, Spikes]
    potentials: dict[str, npt.NDArray[np.floating]]


def run_reference(graph: Graph, image: Floats, timesteps: int) -> Recording:
    """Runs the network.

    Args:
        graph: the network.
        image: its input, float32, of the shape of the graph's input.
        timesteps: timesteps.
    """
    rest: dict[str, Floats] = {name: np.zeros_like(n.threshold) for name, n in graph.layers.items()}
    spikes: dict[str, list[Spikes]] = {name: [] for name in rest}
    potentials: dict[str, list[Floats]] = {name: [] for name in rest}
    for _ in range(timesteps):
        values = {graph.input: image}
        for name, neurons in graph.layers.items():
            current = arriving(graph, name, values)
            potential = neurons.decay * rest[name] + neurons.gain * current
            over = potential >= neurons.threshold
            rest[name] = np.where(over, np.float32(0), potential)
            values[name] = over.astype(np.float32)
            spikes[name].append(over)
            potentials[name].append(rest[name])
    return Recording(
        {name: np.stack(steps) for name, steps in spikes.items()},
        {name: np.stack(steps) for name, steps in potentials.items()},
    )


def arriving(graph: Graph, target: str, values: dict[str, Floats]) -> Floats:
    """Returns the sum of what arrives at a node within a timestep.

    Args:
        graph: the network.
        target: name of the node.
        values: the image, by the name of the input, and the spikes (0 or 1) of the layers before
            the node. Results of convolutions are added, so that each is computed once.
    """
    parts = []
    for source in graph.sources(target):
        node = graph.nodes[source]
        if source not in values and isinstance(node, Conv2d):
            values[source] = node.apply(arriving(graph, source, values))
        parts.append(values[source])
    return reduce(np.add, parts)


def read_out(graph: Graph, image: Floats, spikes: Mapping[str, Spikes]) -> Floats:
    """Returns the output of every timestep, `(T, *shape)`, for the spikes of all layers.

    Args:
        graph: the network.
        image: the input.
        spikes: by layer, `(T, *shape)`.
    """
    timesteps = len(next(iter(spikes.values())))
    outputs = []
    for step in range(timesteps):
        fired = {name: each[step].astype(np.float32) for name, each in spikes.items()}
        outputs.append(arriving(graph, graph.output, {graph.input: image, **fired}))
    return np.stack(outputs)
