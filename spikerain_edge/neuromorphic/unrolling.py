"""Unrolls a spiking network: every neuron becomes a cell, every weight a synapse with a delay.

A layer's depth is the largest number of layers on a path from the input to it. A layer of depth D
computes timestep t at time t + D, so a synapse from depth d to depth D has the delay D - d. The
image and the biases are constant currents; they arrive as synapses of one clock, which spikes once
in every timestep.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spikerain_edge.errors import ComputeError, ModelError
from spikerain_edge.neuromorphic.convolution import Floats
from spikerain_edge.neuromorphic.graph import REMEDY, Graph, Input, Neurons, Output
from spikerain_edge.neuromorphic.reference import arriving

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Doubles = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Cells:
    """A spiking network as cells and synapses. Cells are numbered from 0, layer by layer.

    Attributes:
        timesteps: timesteps to run.
        layers: names of the layers.
        sizes: cells of each layer.
        depth: depth of each layer, from 1.
        decay, threshold: of each cell; `V = decay * V + input`, spikes where `V >= threshold`.
        drive: what the clock adds to the potential of each cell at every timestep.
        source, target: the cells that each synapse joins.
        weight: what a spike adds to the potential of the target.
        delay: timesteps from a spike to its effect, of each synapse.
    """

    timesteps: int
    layers: list[str]
    sizes: Whole
    depth: Whole
    decay: Doubles
    threshold: Doubles
    drive: Doubles
    source: Whole
    target: Whole
    weight: Doubles
    delay: Whole

    @property
    def count(self) -> int:
        """Number of cells."""
        return len(self.threshold)

    @property
    def synapses(self) -> int:
        """Number of synapses between cells, and of the clock."""
        return len(self.weight) + int(np.count_nonzero(self.drive))


def depths(graph: Graph) -> dict[str, int]:
    """Returns the depth of each layer of neurons, from 1."""
    reached: dict[str, int] = {}
    for name in graph.order:
        before = max((reached[source] for source in graph.sources(name)), default=0)
        reached[name] = before + isinstance(graph.nodes[name], Neurons)
    return {name: reached[name] for name in graph.layers}


def most_synapses(graph: Graph) -> int:
    """Returns an upper limit for the synapses of the unrolled network."""
    reading: dict[str, int] = {}
    total = 0
    for name in graph.order:
        node = graph.nodes[name]
        arriving_from = sum(reading[source] for source in graph.sources(name))
        if isinstance(node, Input):
            reading[name] = 0
        elif isinstance(node, Neurons):
            # One more for the clock.
            total += node.threshold.size * (arriving_from + 1)
            reading[name] = 1
        elif not isinstance(node, Output):
            reading[name] = arriving_from * node.fan_in()
    return total


def require_memory(
    cells: int, synapses: int, bytes_per_synapse: int, available: int | None
) -> None:
    """Refuses a network that does not fit in memory, before anything is built.

    Args:
        cells: number of cells.
        synapses: number of synapses, at most.
        bytes_per_synapse: what the simulator and this process need for each synapse.
        available: bytes of free memory; None if unknown.

    Raises:
        ComputeError: the network needs more memory than there is.
    """
    needed = synapses * bytes_per_synapse
    if available is not None and needed > available:
        raise ComputeError(
            f"{cells:,} neurons with up to {synapses:,} synapses need about "
            f"{needed / 2**30:.1f} GiB of memory, but {available / 2**30:.1f} GiB are free",
            "use a smaller --size, or a NIR file of a smaller --imgsz",
        )


def unroll(graph: Graph, image: Floats, timesteps: int) -> Cells:
    """Returns the network as cells and synapses for one image.

    Args:
        graph: the network.
        image: its input.
        timesteps: timesteps to run.

    Raises:
        ModelError: the network has no neurons.
    """
    if not graph.layers:
        raise ModelError("the spiking network has no neurons", REMEDY)
    layers, depth = graph.layers, depths(graph)
    synapses = [np.concatenate(parts) for parts in zip(*_synapses(graph, depth), strict=True)]
    source, target, weight, delay = synapses or [np.zeros(0)] * 4
    return Cells(
        timesteps=timesteps,
        layers=list(layers),
        sizes=np.array([neurons.threshold.size for neurons in layers.values()], np.int32),
        depth=np.array([depth[name] for name in layers], np.int32),
        decay=_of_cells(neurons.decay for neurons in layers.values()),
        threshold=_of_cells(neurons.threshold for neurons in layers.values()),
        drive=_of_cells(_drives(graph, image)),
        source=source.astype(np.int32),
        target=target.astype(np.int32),
        weight=weight.astype(np.float64),
        delay=delay.astype(np.int32),
    )


def _of_cells(arrays: Iterable[Floats]) -> Doubles:
    return np.concatenate([array.ravel() for array in arrays]).astype(np.float64)


def _drives(graph: Graph, image: Floats) -> Iterator[Floats]:
    """What each layer receives in a timestep without a spike: the image and the biases."""
    silent = {name: np.zeros_like(neurons.threshold) for name, neurons in graph.layers.items()}
    values = {graph.input: image, **silent}
    for name, neurons in graph.layers.items():
        yield neurons.gain * arriving(graph, name, values)


def _synapses(graph: Graph, depth: dict[str, int]) -> Iterator[tuple[Any, Any, Any, Any]]:
    """Yields source, target, weight and delay of the synapses, an array each, part by part."""
    sizes = [neurons.threshold.size for neurons in graph.layers.values()]
    first = dict(zip(graph.layers, np.cumsum([0, *sizes[:-1]]).tolist(), strict=True))
    paths = _Paths(graph)
    for name, neurons in graph.layers.items():
        gain = neurons.gain.astype(np.float64).ravel()
        for source, matrix in paths.into(name).items():
            found = matrix.tocoo()
            weight = found.data * gain[found.row]
            joined = weight != 0
            yield (
                found.col[joined] + first[source],
                found.row[joined] + first[name],
                weight[joined],
                np.full(int(joined.sum()), depth[name] - depth[source]),
            )


class _Paths:
    """The synapses into each node of a graph, by the layer that they come from."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._known: dict[str, dict[str, csr_array]] = {}

    def into(self, target: str) -> dict[str, csr_array]:
        """Returns matrices, `(elements that arrive at the node, neurons of the layer)`."""
        found: dict[str, csr_array] = {}
        for edge in self._graph.sources(target):
            for layer, matrix in self._out_of(edge).items():
                found[layer] = found[layer] + matrix if layer in found else matrix
        return found

    def _out_of(self, name: str) -> dict[str, csr_array]:
        if name not in self._known:
            self._known[name] = self._computed(name)
        return self._known[name]

    def _computed(self, name: str) -> dict[str, csr_array]:
        from scipy import sparse

        node = self._graph.nodes[name]
        if isinstance(node, Neurons):
            return {name: sparse.csr_array(sparse.eye_array(node.threshold.size))}
        if isinstance(node, Input | Output):
            return {}
        (shape, *_) = (self._graph.shapes[source] for source in self._graph.sources(name))
        own = node.synapses(shape).astype(np.float64)
        return {layer: own @ matrix for layer, matrix in self.into(name).items()}
