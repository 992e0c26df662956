"""Counts what a frame costs from the graph that runs, and refuses a description that disagrees."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from spikerain_edge.profiling.topology import Node, read_initializers, read_nodes
from spikerain_edge.profiling.trace import Tensor, Tensors, trace_tensors
from spikerain_edge.profiling.wiring import Wiring, disagreement
from spikerain_edge.spec import ModelSpec, Operation

_ROWS = "/rows"


@dataclass(frozen=True)
class LayerCount:
    """One convolution, summed over all timesteps.

    Attributes:
        name: the operation's name in the ModelSpec.
        neurons: neuron layers whose spikes it reads; empty for an analogue convolution.
        macs: multiply-accumulates as if its input were dense.
        weights: weights and biases.
        inputs: elements it reads.
        outputs: elements it writes.
        biased: whether it has a bias. A spiking one has if a batch norm was folded into it.
        weight_bytes: bytes of weights and biases, as the graph holds them.
        moved_bytes: bytes of weights, input and output, each once, as the graph holds them.
    """

    name: str
    neurons: tuple[str, ...]
    macs: int
    weights: int
    inputs: int
    outputs: int
    biased: bool
    weight_bytes: int
    moved_bytes: int

    @property
    def spiking(self) -> bool:
        """Whether it reads spikes."""
        return bool(self.neurons)


@dataclass(frozen=True)
class PoolCount:
    """One global average pooling.

    Attributes:
        name: where in the network it stands.
        inputs: elements it reads over all timesteps.
        channels: elements it writes per timestep.
    """

    name: str
    inputs: int
    channels: int


@dataclass(frozen=True)
class GraphCount:
    """What one frame of a size costs.

    Attributes:
        height: rows, a multiple of the stride.
        width: columns, likewise.
        layers: every convolution, in the order of the ModelSpec.
        pools: every global average pooling.
    """

    height: int
    width: int
    layers: tuple[LayerCount, ...]
    pools: tuple[PoolCount, ...]

    @property
    def dense_macs(self) -> int:
        """Multiply-accumulates of everything as if every input were dense."""
        return sum(layer.macs for layer in self.layers)

    @property
    def analog_macs(self) -> int:
        """The part that reads no spikes."""
        return sum(layer.macs for layer in self.layers if not layer.spiking)

    @property
    def spiking_macs(self) -> int:
        """The part that reads spikes."""
        return self.dense_macs - self.analog_macs

    @property
    def weights(self) -> int:
        """Weights and biases of all convolutions."""
        return sum(layer.weights for layer in self.layers)

    @property
    def weight_bytes(self) -> int:
        """Bytes of all weights and biases."""
        return sum(layer.weight_bytes for layer in self.layers)

    @property
    def moved_bytes(self) -> int:
        """Bytes that execution one convolution at a time cannot avoid to move."""
        return sum(layer.moved_bytes for layer in self.layers)


def count_operations(content: bytes, spec: ModelSpec, height: int, width: int) -> GraphCount:
    """Counts the operations of one frame.

    A convolution costs `elements of the output * elements of the weight / output channels`
    multiply-accumulates. It is spiking if all it reads are spike tensors that the ModelSpec names.

    Args:
        content: the ONNX file.
        spec: its description.
        height: rows, a multiple of the stride.
        width: columns, likewise.

    Raises:
        ModelError: graph and description disagree, or the graph multiplies in ways not counted.
    """
    wiring = Wiring(read_nodes(content), read_initializers(content), spec)
    met = trace_tensors(content, spec.image_input, height, width)
    layers = tuple(
        _layer(operation, nodes, wiring, met) for operation, nodes in wiring.convolutions.items()
    )
    for operation, layer in zip(wiring.convolutions, layers, strict=True):
        _agree(operation, layer, height, width)
    return GraphCount(height, width, layers, _pools(wiring.nodes, met))


def _layer(
    operation: Operation, nodes: Sequence[Node], wiring: Wiring, met: dict[str, Tensors]
) -> LayerCount:
    macs = inputs = outputs = moved = 0
    for node in nodes:
        if (wiring.neurons(node.inputs[0]) or ()) != operation.neurons:
            raise disagreement(f"feeds {node.name} from other neurons than it says")
        read, made, *parameters = wiring.tensors(node, met)
        # A matrix is (inputs, outputs), a kernel (outputs, inputs, k, k).
        shape = parameters[0].shape
        macs += made.elements * math.prod(shape[:1] if node.operator == "MatMul" else shape[1:])
        inputs += read.elements
        outputs += made.elements
        moved += read.bytes + made.bytes
    weight_bytes = sum(parameter.bytes for parameter in parameters)
    return LayerCount(
        name=operation.name,
        neurons=operation.neurons,
        macs=macs,
        weights=_elements(parameters),
        inputs=inputs,
        outputs=outputs,
        biased=wiring.biased(node, len(parameters)),
        weight_bytes=weight_bytes,
        moved_bytes=weight_bytes + moved,
    )


def _agree(operation: Operation, layer: LayerCount, height: int, width: int) -> None:
    described = operation.macs(height, width)
    if not math.isclose(described, layer.macs, rel_tol=1e-9):
        raise disagreement(
            f"spends {layer.macs} multiply-accumulates on {operation.name} at {width}x{height}, "
            f"where it says {described:.0f}"
        )


def _pools(nodes: Sequence[Node], met: dict[str, Tensors]) -> tuple[PoolCount, ...]:
    """Global poolings; those of one layer differ in name by the timestep at the end.

    Where channels come last they are a mean over rows, named so, and one over columns.
    """
    made = {output: node for node in nodes for output in node.outputs}
    layers: dict[str, list[Tensors]] = {}
    for node in nodes:
        rows = made.get(node.inputs[0]) if node.operator == "ReduceMean" else None
        if rows is not None and rows.name == f"{node.name}{_ROWS}":
            pooled = Tensors(met[rows.name].inputs[:1], met[node.name].outputs)
        elif node.operator == "GlobalAveragePool":
            pooled = met[node.name]
        else:
            continue
        layers.setdefault(re.sub(r"/\d+$", "", node.name), []).append(pooled)
    return tuple(
        PoolCount(name, sum(_elements(each.inputs) for each in steps), _elements(steps[0].outputs))
        for name, steps in layers.items()
    )


def _elements(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.elements for tensor in tensors)
