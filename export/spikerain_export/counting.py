"""Counts what the convolutions and global poolings of a graph cost.

Shapes are inferred at two image sizes. Everything counted is a share per pixel and a rest per
image, so two sizes tell both, and they hold for every multiple of the stride.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import onnx

from spikerain_edge.spec import ModelSpec, Operation
from spikerain_export.shapes import TensorType, infer_tensors

# Where a convolution has its weight among its inputs. A product with a matrix is a 1x1
# convolution of features whose channels come last.
_WEIGHTS = {"Conv": 1, "QLinearConv": 3, "MatMul": 1}
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


def counted(model: onnx.ModelProto, spec: ModelSpec) -> ModelSpec:
    """A description with the operations that its graph consists of, in the graph's order.

    A convolution costs `elements of the output * elements of the weight / output channels`
    multiply-accumulates. It belongs to the operation that its weight is named after
    (`OPERATION/weight`), and reads the neurons whose spike tensors reach it unchanged.

    Args:
        model: graph or probe graph, one image of free size.
        spec: its description; what it says of operations is replaced.

    Raises:
        ValueError: the graph multiplies in ways that are not counted, or the convolutions of one
            operation read different neurons.
    """
    graph = _Graph(model, spec)
    operations: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        if node.op_type in _UNCOUNTED:
            raise ValueError(f"{node.op_type} nodes are not counted")
        if node.op_type in _WEIGHTS:
            operations.setdefault(graph.operation(node), []).append(node)
    return replace(
        spec,
        operations=tuple(graph.count(name, nodes) for name, nodes in operations.items()),
    )


class _Graph:
    """A graph with the types of its tensors at two sizes, the second of twice as many pixels."""

    def __init__(self, model: onnx.ModelProto, spec: ModelSpec) -> None:
        self._made_by = {output: node for node in model.graph.node for output in node.output}
        self._layer_of = {tensor: layer.name for layer in spec.neurons for tensor in layer.spikes}
        side, image = spec.stride, spec.image_input
        self._pixels = side**2
        self._small = infer_tensors(model, image, side, side)
        self._large = infer_tensors(model, image, side, 2 * side)

    def operation(self, convolution: onnx.NodeProto) -> str:
        """The operation that a convolution belongs to."""
        weight = convolution.input[_WEIGHTS[convolution.op_type]]
        while weight in self._made_by and self._made_by[weight].op_type in _TRANSPARENT:
            weight = self._made_by[weight].input[0]
        return str(weight).partition("/")[0]

    def count(self, name: str, nodes: Sequence[onnx.NodeProto]) -> Operation:
        """The convolutions of all timesteps together."""
        neurons = {self._neurons(node.input[0]) or () for node in nodes}
        if len(neurons) > 1:
            raise ValueError(f"the convolutions of {name} read different neurons")
        per_pixel, per_image = self._line(
            sum(_macs(node, self._small) for node in nodes),
            sum(_macs(node, self._large) for node in nodes),
        )
        return Operation(name, per_pixel, per_image, neurons.pop())

    def _line(self, small: int, large: int) -> tuple[float, int]:
        """What a count is per pixel and per image, from what it is at both sizes."""
        return (large - small) / self._pixels, 2 * small - large

    def _neurons(self, tensor: str) -> tuple[str, ...] | None:
        """Neuron layers whose spikes a tensor holds, in channel order; none if it holds others."""
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
    # A matrix is (inputs, outputs), a kernel (outputs, inputs, k, k).
    shape = tensors[convolution.input[_WEIGHTS[convolution.op_type]]].shape
    per_output = shape[:1] if convolution.op_type == "MatMul" else shape[1:]
    return tensors[convolution.output[0]].elements * math.prod(per_output)
