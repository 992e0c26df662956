"""Counts the cost of the convolutions and global poolings of a graph.

Every count is `a * pixels + b`. Shapes are inferred at two image sizes, which determines `a` and
`b` for every size that is a multiple of the stride.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import onnx
from onnx import numpy_helper

from spikerain_edge.parts import Elements, Operation, Pooling
from spikerain_edge.spec import ModelSpec
from spikerain_export.shapes import TensorType, infer_tensors

# Position of the weight among the inputs. MatMul and Gemm are 1x1 convolutions of features whose
# channels come last.
_WEIGHTS = {"Conv": 1, "QLinearConv": 3, "MatMul": 1, "Gemm": 1}
_BIASES = {"Conv": 2, "QLinearConv": 8}
_MATRICES = ("MatMul", "Gemm")
# Other operators that multiply or contain subgraphs: their cost would be missing from the count.
_UNCOUNTED = frozenset(
    (
        *("ConvInteger", "ConvTranspose"),
        *("Einsum", "MatMulInteger", "QLinearMatMul"),
        *("GRU", "If", "Loop", "LSTM", "RNN", "Scan"),
    )
)
# These pass on the values they read, possibly quantised or in another type.
_TRANSPARENT = frozenset(("Cast", "DequantizeLinear", "Identity", "QuantizeLinear"))
MEAN = "mean"
"""What the weights of a mean over channels are called, written as a 1x1 convolution. It is no layer
of the network and counts as little as a `ReduceMean`."""
# Suffix of the first step of a pooling in two steps; the rest is the name of the second step.
_ROWS = "/rows"


def counted(model: onnx.ModelProto, spec: ModelSpec) -> ModelSpec:
    """Returns a description with the operations and poolings of its graph, in the graph's order.

    A convolution costs `elements of the output * elements of the weight / output channels`
    multiply-accumulates. Its weight is called `OPERATION/weight` after the operation that the
    convolution belongs to. It reads the neurons whose spike tensors reach it unchanged.

    Args:
        model: graph or probe graph for one image of free size.
        spec: its description; its operations and poolings are replaced.

    Raises:
        ValueError: the graph has an operator that multiplies but is not counted, or the
            convolutions of one operation read different neurons.
    """
    uncounted = {node.op_type for node in model.graph.node} & _UNCOUNTED
    if uncounted:
        raise ValueError(f"cannot count the cost of {', '.join(sorted(uncounted))} nodes")
    graph = _Graph(model, spec)
    operations: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        if node.op_type in _WEIGHTS and graph.name_of(node) != MEAN:
            operations.setdefault(graph.name_of(node), []).append(node)
    return replace(
        spec,
        operations=tuple(graph.operation(name, nodes) for name, nodes in operations.items()),
        pools=graph.pools(),
    )


class _Graph:
    """A graph with its tensor types at two image sizes; the second has twice as many pixels."""

    def __init__(self, model: onnx.ModelProto, spec: ModelSpec) -> None:
        self._nodes = model.graph.node
        self._constants = {
            tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer
        }
        self._made_by = {output: node for node in model.graph.node for output in node.output}
        self._layer_of = {tensor: layer.name for layer in spec.neurons for tensor in layer.spikes}
        side, images = spec.stride, spec.image_inputs
        self._pixels = side**2
        self._small = infer_tensors(model, images, side, side)
        self._large = infer_tensors(model, images, side, 2 * side)

    def name_of(self, convolution: onnx.NodeProto) -> str:
        """Returns the operation that a convolution belongs to."""
        weight = convolution.input[_WEIGHTS[convolution.op_type]]
        while weight in self._made_by and self._made_by[weight].op_type in _TRANSPARENT:
            weight = self._made_by[weight].input[0]
        return str(weight).partition("/")[0]

    def operation(self, name: str, nodes: Sequence[onnx.NodeProto]) -> Operation:
        """Counts the convolutions of all timesteps of one operation."""
        neurons = {self._neurons(node.input[0]) or () for node in nodes}
        if len(neurons) > 1:
            raise ValueError(f"the convolutions of {name} read different neurons")
        parameters = self._parameters(nodes[0])
        return Operation(
            name,
            *self._line(
                [_macs(node, self._small) for node in nodes],
                [_macs(node, self._large) for node in nodes],
            ),
            neurons=neurons.pop(),
            reads=self._elements([self._held(node, 0) for node in nodes]),
            writes=self._elements([node.output[0] for node in nodes]),
            weights=sum(self._small[each].elements for each in parameters),
            weight_bytes=sum(self._small[each].bytes for each in parameters),
            biased=self._biased(nodes[0], parameters),
        )

    def pools(self) -> tuple[Pooling, ...]:
        """Counts the global average poolings, grouped by layer: names end in the timestep.

        With channels last, a pooling is the mean of each row (`.../rows`), then the mean of these.
        """
        layers: dict[str, list[tuple[str, str]]] = {}
        for node in self._nodes:
            read = node.input[0] if node.input else ""
            if node.op_type == "ReduceMean" and read == f"{node.output[0]}{_ROWS}":
                read = self._made_by[read].input[0]
            elif node.op_type != "GlobalAveragePool":
                continue
            layers.setdefault(re.sub(r"/\d+$", "", node.name), []).append((read, node.output[0]))
        return tuple(
            Pooling(
                name,
                self._elements([read for read, _ in steps]).per_pixel,
                self._small[steps[0][1]].elements,
            )
            for name, steps in layers.items()
        )

    def _parameters(self, convolution: onnx.NodeProto) -> list[str]:
        """Returns the names of the constants that hold the weight and the bias, if there is one."""
        kind = convolution.op_type
        weight = self._held(convolution, _WEIGHTS[kind])
        if kind in _MATRICES:
            return [weight, *self._added(convolution.output[0])]
        return [weight, *convolution.input[_BIASES[kind] :]]

    def _biased(self, convolution: onnx.NodeProto, parameters: Sequence[str]) -> bool:
        """Whether a convolution has a bias. A QLinearConv always has one, possibly all zeros."""
        if convolution.op_type == "QLinearConv":
            return bool(self._constants[parameters[1]].any())
        return len(parameters) > 1

    def _added(self, product: str) -> list[str]:
        """Returns the names of the bias that is added to a matrix product; empty if none is."""
        sums = (node for node in self._nodes if node.op_type == "Add" and product in node.input)
        return [name for node in sums for name in node.input if name in self._constants]

    def _held(self, convolution: onnx.NodeProto, place: int) -> str:
        """Returns the tensor that a runtime reads for an input of a convolution.

        That is the quantised tensor if both weight and input are dequantised just before: a
        runtime then computes with the quantised values.
        """
        weight, given = (convolution.input[at] for at in (_WEIGHTS[convolution.op_type], place))
        makers = [self._made_by.get(name) for name in (weight, given)]
        if all(maker is not None and maker.op_type == "DequantizeLinear" for maker in makers):
            return str(self._made_by[given].input[0])
        return str(given)

    def _elements(self, tensors: Sequence[str]) -> Elements:
        """Counts the elements of tensors of one type."""
        (element_bytes,) = {self._small[name].element_bytes for name in tensors}
        line = self._line(
            [self._small[name].elements for name in tensors],
            [self._large[name].elements for name in tensors],
        )
        return Elements(*line, element_bytes)

    def _line(self, small: Sequence[int], large: Sequence[int]) -> tuple[float, int]:
        """Returns a count per pixel and per image, from its terms at both sizes."""
        difference = sum(large) - sum(small)
        return difference / self._pixels, sum(small) - difference

    def _neurons(self, tensor: str) -> tuple[str, ...] | None:
        """Returns the neuron layers whose spikes a tensor holds, in channel order.

        None if the tensor holds anything else.
        """
        if tensor in self._layer_of:
            return (self._layer_of[tensor],)
        maker = self._made_by.get(tensor)
        if maker is None:
            return None
        if maker.op_type in _TRANSPARENT:
            return self._neurons(maker.input[0])
        if maker.op_type != "Concat":
            return None
        found: list[str] = []
        for part in maker.input:
            layers = self._neurons(part)
            if layers is None:
                return None
            found += layers
        return tuple(found)


def _macs(convolution: onnx.NodeProto, tensors: Mapping[str, TensorType]) -> int:
    # A matrix has shape (inputs, outputs), a kernel (outputs, inputs, k, k).
    shape = tensors[convolution.input[_WEIGHTS[convolution.op_type]]].shape
    per_output = shape[:1] if convolution.op_type in _MATRICES else shape[1:]
    return tensors[convolution.output[0]].elements * math.prod(per_output)
