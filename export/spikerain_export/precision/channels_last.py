"""INT8 for ONNX Runtime: integer convolutions on bytes, channels last from end to end.

What made the stock tool's result no faster than FP32 was everything around the convolutions:
quantising what is 0 or 1 already, concatenating in float32, and transposing around every integer
convolution, whose kernels work channels-last. Here

* a neuron's comparison becomes unsigned bytes 0 and 1, and bytes are what is concatenated;
* every spiking convolution is a `QLinearConv` that reads those bytes and signed per-channel weights
  and rounds its output to bytes once, and one `DequantizeLinear` leads to the membrane;
* all feature maps are (1, H, W, C), as the kernels and the image have them, so that only
  the few analogue convolutions with spatial extent are transposed around.

Two products of a spike and a weight cannot overflow 16 bits, so the result is the same with and
without VNNI instructions.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import TensorProto

from spikerain_edge.spec import ModelSpec
from spikerain_export.builder import GraphBuilder
from spikerain_export.precision.dense import SpikingConvolution, SpikingConvolutions
from spikerain_export.precision.graph import SourceGraph, attributes, unknown_operator
from spikerain_export.precision.scales import OutputScale, quantise_weight

_DOMAINS = {"com.microsoft": 1}
_ELEMENTWISE = {
    "Add", "Clip", "LessOrEqual", "Mean", "Mul", "Neg", "Relu", "Round", "Sigmoid", "Sub",
    "ThresholdedRelu",
}  # fmt: skip
_PROBES = {"Concat", "Max", "ReduceMax", "ReduceMean", "Reshape", "Sub", "Unsqueeze"}
# Axes of (1, C, H, W) where they are found in (1, H, W, C), and the way back.
_TO_LAST, _TO_FIRST = [0, 2, 3, 1], [0, 3, 1, 2]
_MOVED = {0: 0, 1: 3, 2: 1, 3: 2}


class ChannelsLastWriter:
    """Copies a graph node by node, features channels-last, spiking convolutions in integers.

    Args:
        source: FP32 graph.
        spec: its description.
        convolutions: its convolutions on spikes.
        scales: how each rounds its output, by layer.
    """

    def __init__(
        self,
        source: SourceGraph,
        spec: ModelSpec,
        convolutions: SpikingConvolutions,
        scales: Mapping[str, OutputScale],
    ) -> None:
        self._source = source
        self._convolutions = convolutions
        self._scales = scales
        self._builder = GraphBuilder()
        self._spikes = {name for layer in spec.neurons for name in layer.spikes}
        self._picture = source.ancestors(spec.image_output)
        # Where a feature map can be had in either layout, by its name in the source.
        self._last: dict[str, str] = {}
        self._first: dict[str, str] = {}
        self._gathered: dict[tuple[str, ...], str] = {}
        self._floats: dict[str, str] = {}

    def write(self) -> onnx.ModelProto:
        """The rewritten model."""
        unread = self._spike_concatenations()
        for node in self._source.nodes:
            for convolution in self._convolutions.at.get(node.name, ()):
                self._integer_convolution(convolution)
            if node.name in self._convolutions.swallowed or node.name in unread:
                continue
            if node.name in self._picture:
                self._node(node)
            else:
                self._probe(node)
        return self._source.finish(self._builder, _DOMAINS)

    def _spike_concatenations(self) -> set[str]:
        """Nodes that only gather spikes for convolutions, which gather their own."""
        return {
            node.name
            for node in self._source.nodes
            if node.op_type == "Concat" and self._convolutions.leaves(node.output[0])
        }

    def _node(self, node: onnx.NodeProto) -> None:
        kind = node.op_type
        if kind in _ELEMENTWISE:
            self._require_scalars(node)
            self._made(node, self._builder.copy(node, [self._read(name) for name in node.input]))
        elif kind == "Cast":
            self._cast(node)
        elif kind == "Transpose":
            self._transpose(node)
        elif kind == "Conv":
            self._analogue_convolution(node)
        elif kind == "DepthToSpace":
            self._first[node.output[0]] = self._builder.copy(
                node, [self._channels_first(node.input[0])]
            )
        elif kind in {"Concat", "Split"}:
            inputs = [self._read(name) for name in node.input]
            axis = _MOVED[attributes(node)["axis"]]
            self._made(node, self._builder.copy(node, inputs, axis=axis))
        elif kind == "ReduceMean":
            self._reduce(node, self._read(node.input[0]))
        elif kind == "GlobalAveragePool":
            self._mean(node)
        elif kind == "Resize":
            self._resize(node)
        else:
            raise unknown_operator(node, "int8 for onnxruntime")

    def _made(self, node: onnx.NodeProto, first: str) -> None:
        """Notes the outputs of a node as channels-last."""
        for output in (first, *node.output[1:]):
            self._last[output] = output

    def _read(self, name: str) -> str:
        """A scalar constant, or a feature map channels-last."""
        if name in self._source.constants:
            return self._constant(name)
        if name not in self._last:
            self._last[name] = self._builder.node(
                "Transpose", [self._first[name]], f"{name}/last", perm=_TO_LAST
            )
        return self._last[name]

    def _channels_first(self, name: str) -> str:
        if name not in self._first:
            self._first[name] = self._builder.node(
                "Transpose", [self._last[name]], f"{name}/first", perm=_TO_FIRST
            )
        return self._first[name]

    def _require_scalars(self, node: onnx.NodeProto) -> None:
        """Refuses a constant with axes, which would be in the other order."""
        values = (self._source.constants.get(name) for name in node.input)
        if any(value is not None and value.ndim for value in values):
            raise unknown_operator(node, "int8 for onnxruntime, with a constant that has axes,")

    def _constant(self, name: str) -> str:
        return self._builder.constant(name, self._source.constants[name])

    def _cast(self, node: onnx.NodeProto) -> None:
        source = node.input[0]
        if node.output[0] in self._spikes:
            self._made(node, self._builder.copy(node, [source], to=TensorProto.UINT8))
        else:
            self._made(node, self._builder.copy(node, [self._last.get(source, source)]))

    def _transpose(self, node: onnx.NodeProto) -> None:
        """Only renames: the picture is channels-last, so are the features."""
        permutation = attributes(node)["perm"]
        source, made = node.input[0], node.output[0]
        if permutation == _TO_FIRST:
            self._last[made] = self._last[source]
        elif permutation == _TO_LAST:
            self._last[made] = self._read(source)
        else:
            raise unknown_operator(node, "int8 for onnxruntime")

    def _analogue_convolution(self, node: onnx.NodeProto) -> None:
        weight = self._source.constants[node.input[1]]
        settings = attributes(node)
        pointwise = weight.shape[2:] == (1, 1) and settings["strides"] == [1, 1]
        if not pointwise:
            inputs = [self._channels_first(node.input[0]), *map(self._constant, node.input[1:])]
            self._first[node.output[0]] = self._builder.copy(node, inputs)
            return
        # A 1x1 convolution is a product of pixels and a matrix, with no need to transpose.
        matrix = self._builder.constant(
            f"{node.input[1]}/matrix", np.ascontiguousarray(weight[:, :, 0, 0].T)
        )
        product = self._builder.node(
            "MatMul", [self._read(node.input[0]), matrix], f"{node.output[0]}/product"
        )
        name = self._builder.node("Add", [product, self._constant(node.input[2])], node.output[0])
        self._made(node, name)

    def _reduce(self, node: onnx.NodeProto, read: str) -> None:
        settings = attributes(node)
        moved = {"axes": [_MOVED[axis] for axis in settings["axes"]]} if "axes" in settings else {}
        self._made(node, self._builder.copy(node, [read], **moved))

    def _mean(self, node: onnx.NodeProto) -> None:
        """Mean over rows, then over columns: at both at once, ONNX Runtime is slow."""
        rows = self._builder.node(
            "ReduceMean", [self._read(node.input[0])], f"{node.output[0]}/rows", axes=[1]
        )
        self._made(node, self._builder.node("ReduceMean", [rows], node.output[0], axes=[2]))

    def _resize(self, node: onnx.NodeProto) -> None:
        source, _, scales = node.input
        moved = self._builder.constant(f"{scales}/last", self._source.constants[scales][_TO_LAST])
        self._made(node, self._builder.copy(node, [self._read(source), "", moved]))

    def _probe(self, node: onnx.NodeProto) -> None:
        """What only the probes read: means and peaks of spikes, in float32."""
        if node.op_type not in _PROBES:
            raise unknown_operator(node, "int8 for onnxruntime")
        inputs = [self._probed(name) for name in node.input]
        if node.op_type in {"ReduceMax", "ReduceMean"} and node.input[0] in self._spikes:
            self._reduce(node, inputs[0])
        else:
            self._builder.copy(node, inputs)

    def _probed(self, name: str) -> str:
        if name in self._source.constants:
            return self._constant(name)
        if name not in self._spikes:
            return name
        if name not in self._floats:
            self._floats[name] = self._builder.node(
                "Cast", [name], f"{name}/float", to=TensorProto.FLOAT
            )
        return self._floats[name]

    def _gather(self, spikes: tuple[str, ...]) -> str:
        """Bytes of several layers behind each other; continues what was gathered before."""
        if len(spikes) == 1:
            return spikes[0]
        if spikes not in self._gathered:
            known = max(
                (length for length in range(1, len(spikes)) if spikes[:length] in self._gathered),
                default=1,
            )
            parts = [self._gather(spikes[:known]), *spikes[known:]]
            self._gathered[spikes] = self._builder.node(
                "Concat", parts, f"{spikes[-1]}/gathered", axis=3
            )
        return self._gathered[spikes]

    def _integer_convolution(self, convolution: SpikingConvolution) -> None:
        """Bytes in, bytes out, then back to float32 for the membrane or the features."""
        builder, layer = self._builder, convolution.layer
        levels, steps = quantise_weight(convolution.weight, convolution.bias)
        output = self._scales[layer]
        # Accumulators count in steps of the weights, and so does the bias.
        bias = np.rint(convolution.bias.astype(np.float64) / steps).astype(np.int32)
        step = builder.constant(f"{layer}/output/scale", np.float32(output.scale))
        zero = builder.constant(f"{layer}/output/zero", np.uint8(output.zero))
        quantised = builder.node(
            "QLinearConv",
            [
                self._gather(convolution.spikes),
                builder.constant("spike/scale", np.float32(1)),
                builder.constant("spike/zero", np.uint8(0)),
                builder.constant(f"{layer}/weight", levels),
                builder.constant(f"{layer}/weight/scale", steps),
                builder.constant(f"{layer}/weight/zero", np.zeros(len(levels), np.int8)),
                step,
                zero,
                builder.constant(f"{layer}/bias", bias),
            ],
            f"{layer}/{convolution.output.rpartition('/')[2]}/bytes",
            domain="com.microsoft",
            channels_last=1,
            **convolution.settings,
        )
        self._last[convolution.output] = builder.node(
            "DequantizeLinear", [quantised, step, zero], convolution.output
        )
