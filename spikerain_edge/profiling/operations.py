"""Counts what a frame costs from the graph that runs, and refuses a description that disagrees."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from spikerain_edge.errors import ModelError
from spikerain_edge.profiling.topology import Node, read_nodes
from spikerain_edge.profiling.trace import Shape, Shapes, trace_shapes
from spikerain_edge.spec import ModelSpec, Operation

Precision = Literal["fp32", "fp16", "int8"]

# Where a convolution has its weight and, in integers, its bias, among its inputs. A product with
# a matrix is a 1x1 convolution of features whose channels come last.
_WEIGHTS = {"Conv": 1, "QLinearConv": 3, "MatMul": 1}
_INTEGER_BIAS = 8
_ROWS = "/rows"
# What multiplies besides these, or hides it: such a graph would be counted too low.
_UNCOUNTED = frozenset(
    (
        *("ConvInteger", "ConvTranspose"),
        *("Einsum", "Gemm", "MatMulInteger", "QLinearMatMul"),
        *("GRU", "If", "Loop", "LSTM", "RNN", "Scan"),
    )
)
# These hand on the values they read, or codes for them.
_TRANSPARENT = frozenset(("Cast", "DequantizeLinear", "Identity", "QuantizeLinear"))


@dataclass(frozen=True)
class ElementBytes:
    """How many bytes an element of a tensor takes."""

    weight: int
    spike: int
    feature: int

    @classmethod
    def of(cls, precision: Precision) -> ElementBytes:
        """Sizes in a precision.

        In `int8`, weights and spikes have 8 bits and other features 16: what charges a membrane
        has to resolve the neighbourhood of the threshold.
        """
        sizes = {"fp32": cls(4, 4, 4), "fp16": cls(2, 2, 2), "int8": cls(1, 1, 2)}
        return sizes[precision]


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
    """

    name: str
    neurons: tuple[str, ...]
    macs: int
    weights: int
    inputs: int
    outputs: int
    biased: bool

    @property
    def spiking(self) -> bool:
        """Whether it reads spikes."""
        return bool(self.neurons)

    def weight_bytes(self, precision: Precision) -> int:
        """Bytes of the weights."""
        return self.weights * ElementBytes.of(precision).weight

    def bytes_moved(self, precision: Precision) -> int:
        """Bytes of weights, input and output, each once."""
        size = ElementBytes.of(precision)
        read = self.inputs * (size.spike if self.spiking else size.feature)
        return self.weight_bytes(precision) + read + self.outputs * size.feature


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

    def bytes_moved(self, precision: Precision) -> int:
        """Bytes that execution one convolution at a time cannot avoid to move."""
        return sum(layer.bytes_moved(precision) for layer in self.layers)


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
    wiring = _Wiring(read_nodes(content), spec)
    shapes = trace_shapes(content, spec.image_input, height, width)
    layers = tuple(
        _layer(operation, nodes, wiring, shapes) for operation, nodes in wiring.convolutions.items()
    )
    for operation, layer in zip(wiring.convolutions, layers, strict=True):
        _agree(operation, layer, height, width)
    return GraphCount(height, width, layers, _pools(wiring.nodes, shapes))


class _Wiring:
    """Which convolution belongs to which operation, and which spikes reach it.

    Raises:
        ModelError: operations and convolutions are not the same.
    """

    def __init__(self, nodes: Sequence[Node], spec: ModelSpec) -> None:
        self.nodes = nodes
        self._makers = {output: node for node in nodes for output in node.outputs}
        self._layer_of = {tensor: layer.name for layer in spec.neurons for tensor in layer.spikes}
        self.convolutions = self._assign(spec.operations)

    def neurons(self, tensor: str) -> tuple[str, ...] | None:
        """Neuron layers whose spikes a tensor holds, in channel order; none if it holds others."""
        if tensor in self._layer_of:
            return (self._layer_of[tensor],)
        maker = self._makers.get(tensor)
        if maker is None:
            return None
        if maker.operator in _TRANSPARENT:
            return self.neurons(maker.inputs[0])
        if maker.operator != "Concat":
            return None
        found: list[str] = []
        for part in maker.inputs:
            layers = self.neurons(part)
            if layers is None:
                return None
            found += layers
        return tuple(found)

    def added(self, product: Node, shapes: dict[str, Shapes]) -> tuple[Shape, ...]:
        """Shape of the bias that is added to a product with a matrix; nothing where none is."""
        sums = [node for node in self.nodes if node.operator == "Add"]
        return tuple(
            shape
            for node in sums
            for name, shape in zip(node.inputs, shapes[node.name].inputs, strict=True)
            if product.outputs[0] in node.inputs and name not in self._makers
        )

    def _assign(self, operations: Iterable[Operation]) -> dict[Operation, list[Node]]:
        known = {operation.name: operation for operation in operations}
        assigned: dict[Operation, list[Node]] = {operation: [] for operation in known.values()}
        for node in self.nodes:
            if node.operator in _UNCOUNTED:
                raise _disagreement(f"has {node.operator} nodes, which are not counted")
            if node.operator in _WEIGHTS:
                name = self._weight(node).partition("/")[0]
                if name not in known:
                    raise _disagreement(f"has a convolution {name} that it does not list")
                assigned[known[name]].append(node)
        for operation, nodes in assigned.items():
            if not nodes:
                raise _disagreement(f"has no convolution {operation.name}, which it lists")
        return assigned

    def _weight(self, convolution: Node) -> str:
        """Name of the initializer that holds the weight: the operation's name, slash, a word."""
        name = convolution.inputs[_WEIGHTS[convolution.operator]]
        while name in self._makers and self._makers[name].operator in _TRANSPARENT:
            name = self._makers[name].inputs[0]
        return name


def _layer(
    operation: Operation, nodes: Sequence[Node], wiring: _Wiring, shapes: dict[str, Shapes]
) -> LayerCount:
    macs = inputs = outputs = 0
    for node in nodes:
        if (wiring.neurons(node.inputs[0]) or ()) != operation.neurons:
            raise _disagreement(f"feeds {node.name} from other neurons than it says")
        read, *parameters = _operands(node, wiring, shapes)
        (made,) = shapes[node.name].outputs
        # A matrix is (inputs, outputs), a kernel (outputs, inputs, k, k).
        weight = parameters[0][:1] if node.operator == "MatMul" else parameters[0][1:]
        macs += math.prod(made) * math.prod(weight)
        inputs += math.prod(read)
        outputs += math.prod(made)
    return LayerCount(
        name=operation.name,
        neurons=operation.neurons,
        macs=macs,
        weights=_elements(parameters),
        inputs=inputs,
        outputs=outputs,
        biased=len(parameters) > 1,
    )


def _operands(node: Node, wiring: _Wiring, shapes: dict[str, Shapes]) -> tuple[Shape, ...]:
    """Shapes of what a convolution reads, of its weight and, where it has one, of its bias."""
    met = shapes[node.name].inputs
    found = (met[0], met[_WEIGHTS[node.operator]])
    if node.operator == "MatMul":
        return (*found, *wiring.added(node, shapes))
    return (*found, *met[2 if node.operator == "Conv" else _INTEGER_BIAS :])


def _agree(operation: Operation, layer: LayerCount, height: int, width: int) -> None:
    described = operation.macs(height, width)
    if not math.isclose(described, layer.macs, rel_tol=1e-9):
        raise _disagreement(
            f"spends {layer.macs} multiply-accumulates on {operation.name} at {width}x{height}, "
            f"where it says {described:.0f}"
        )


def _pools(nodes: Sequence[Node], shapes: dict[str, Shapes]) -> tuple[PoolCount, ...]:
    """Global poolings; those of one layer differ in name by the timestep at the end.

    Where channels come last they are a mean over rows, named so, and one over columns.
    """
    made = {output: node for node in nodes for output in node.outputs}
    layers: dict[str, list[Shapes]] = {}
    for node in nodes:
        rows = made.get(node.inputs[0]) if node.operator == "ReduceMean" else None
        if rows is not None and rows.name == f"{node.name}{_ROWS}":
            met = Shapes(shapes[rows.name].inputs[:1], shapes[node.name].outputs)
        elif node.operator == "GlobalAveragePool":
            met = shapes[node.name]
        else:
            continue
        layers.setdefault(re.sub(r"/\d+$", "", node.name), []).append(met)
    return tuple(
        PoolCount(name, sum(_elements(each.inputs) for each in met), _elements(met[0].outputs))
        for name, met in layers.items()
    )


def _elements(shapes: Iterable[Shape]) -> int:
    return sum(math.prod(shape) for shape in shapes)


def _disagreement(what: str) -> ModelError:
    return ModelError(
        f"the graph and its description disagree: the graph {what}", "export it again"
    )
