"""INT8 for ONNX Runtime: integer convolutions on bytes, all features with channels last.

ONNX Runtime's own quantisation tool makes a graph that is no faster than FP32: it quantises spikes
that are already 0 or 1, concatenates in float32, and transposes around every integer convolution,
whose kernels need channels last. This writer avoids all that:

* spikes are unsigned bytes 0 and 1 and are concatenated as bytes;
* every spiking convolution is one `QLinearConv` (see `qlinear`);
* neurons of at most two timesteps compute in bytes (see `byte_neurons`);
* all feature maps are (1, H, W, C), like the image, so that only the few analogue convolutions
  larger than 1x1 need transposing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import onnx
from onnx import TensorProto

from spikerain_edge.spec import ModelSpec
from spikerain_export.builder import GraphBuilder
from spikerain_export.precision.dense import SpikingConvolutions
from spikerain_export.precision.gating import GateWriter
from spikerain_export.precision.graph import SourceGraph, attributes, unknown_operator
from spikerain_export.precision.layers_in_bytes import LayersInBytes
from spikerain_export.precision.pointwise import PointwiseWriter
from spikerain_export.precision.qlinear import IntegerConvolutionWriter
from spikerain_export.precision.scales import OutputScale

_DOMAINS = {"com.microsoft": 1}
_ELEMENTWISE = {
    "Add", "Clip", "LessOrEqual", "Mean", "Mul", "Neg", "Relu", "Round", "Sigmoid", "Sub",
    "ThresholdedRelu",
}  # fmt: skip
_PROBES = {"Concat", "Max", "ReduceMax", "ReduceMean", "Reshape", "Sub", "Unsqueeze"}
# Permutations from (1, C, H, W) to (1, H, W, C) and back, and where each axis moves.
_TO_LAST, _TO_FIRST = [0, 2, 3, 1], [0, 3, 1, 2]
_MOVED = {0: 0, 1: 3, 2: 1, 3: 2}


class ChannelsLastWriter:
    """Copies a graph node by node with channels-last features and integer spiking convolutions.

    Args:
        source: FP32 graph.
        spec: its description.
        convolutions: its convolutions on spikes.
        scales: the output scale of each convolution, by layer, and of the currents of each neuron
            layer that reads features.
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
        self._builder = GraphBuilder()
        self._integer = IntegerConvolutionWriter(self._builder, scales)
        self._neurons = LayersInBytes(source, spec, self._builder, self._integer, scales)
        self._gating = GateWriter(source, self._builder)
        self._pointwise = PointwiseWriter(source, self._builder)
        self._spikes = {name for layer in spec.neurons for name in layer.spikes}
        self._picture = source.ancestors(spec.image_output)
        # Tensors of the new graph by their name in the source: channels last, channels first,
        # and spikes as float32.
        self._last: dict[str, str] = {}
        self._first: dict[str, str] = {}
        self._floats: dict[str, str] = {}
        self._writers: dict[str, Callable[[onnx.NodeProto], None]] = {
            "Cast": self._cast,
            "Concat": self._along_channels,
            "Conv": self._analogue_convolution,
            "DepthToSpace": self._depth_to_space,
            "GlobalAveragePool": self._mean,
            "ReduceMean": lambda node: self._reduce(node, self._read(node.input[0])),
            "Resize": self._resize,
            "Split": self._along_channels,
            "Transpose": self._transpose,
        }

    def write(self) -> onnx.ModelProto:
        """Returns the rewritten model."""
        unread = self._spike_concatenations() | self._feature_concatenations()
        for node in self._source.nodes:
            for convolution in self._convolutions.at.get(node.name, ()):
                if not self._neurons.take(convolution):
                    self._last[convolution.output] = self._integer.write(convolution)
            if node.name in self._convolutions.replaced or node.name in unread:
                continue
            if node.name not in self._picture:
                self._probe(node)
            elif node.name in self._neurons.replaced:
                self._last |= self._neurons.write(node, self._read)
            else:
                self._node(node)
        return self._source.finish(self._builder, _DOMAINS)

    def _spike_concatenations(self) -> set[str]:
        """Returns the nodes that concatenate spikes: integer convolutions have their own."""
        return {
            node.name
            for node in self._source.nodes
            if node.op_type == "Concat" and self._convolutions.leaves(node.output[0])
        }

    def _feature_concatenations(self) -> set[str]:
        """Returns the nodes that concatenate features for one 1x1 convolution alone."""
        joined = (
            node.input[0]
            for node in self._source.nodes
            if node.op_type == "Conv" and self._is_pointwise(node) and self._pointwise.joined(node)
        )
        return {self._source.made_by[name].name for name in joined}

    def _is_pointwise(self, node: onnx.NodeProto) -> bool:
        weight = self._source.constants[node.input[1]]
        return weight.shape[2:] == (1, 1) and attributes(node)["strides"] == [1, 1]

    def _node(self, node: onnx.NodeProto) -> None:
        kind = node.op_type
        if self._gating.is_product(node):
            self._made(node, self._gating.product(node, self._read, self._integer.levels))
        elif kind in _ELEMENTWISE:
            self._require_scalars(node)
            self._made(node, self._builder.copy(node, [self._read(name) for name in node.input]))
        elif kind in self._writers:
            self._writers[kind](node)
        else:
            raise unknown_operator(node, "int8 for onnxruntime")

    def _depth_to_space(self, node: onnx.NodeProto) -> None:
        self._first[node.output[0]] = self._builder.copy(
            node, [self._channels_first(node.input[0])]
        )

    def _along_channels(self, node: onnx.NodeProto) -> None:
        inputs = [self._read(name) for name in node.input]
        axis = _MOVED[attributes(node)["axis"]]
        self._made(node, self._builder.copy(node, inputs, axis=axis))

    def _made(self, node: onnx.NodeProto, first: str) -> None:
        """Records that the outputs of a node have channels last."""
        for output in (first, *node.output[1:]):
            self._last[output] = output

    def _read(self, name: str) -> str:
        """Returns a scalar constant, or a feature map with channels last."""
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
        """Rejects a constant that is not a scalar: its axes would be in the wrong order."""
        values = (self._source.constants.get(name) for name in node.input)
        if any(value is not None and value.ndim for value in values):
            raise unknown_operator(node, "int8 for onnxruntime", "with a constant that has axes")

    def _constant(self, name: str) -> str:
        return self._builder.constant(name, self._source.constants[name])

    def _cast(self, node: onnx.NodeProto) -> None:
        source = node.input[0]
        if node.output[0] in self._spikes:
            self._made(node, self._builder.copy(node, [source], to=TensorProto.UINT8))
        else:
            self._made(node, self._builder.copy(node, [self._last.get(source, source)]))

    def _transpose(self, node: onnx.NodeProto) -> None:
        """Drops a transpose: picture and features both have channels last."""
        permutation = attributes(node)["perm"]
        source, made = node.input[0], node.output[0]
        if permutation == _TO_FIRST:
            self._last[made] = self._last[source]
        elif permutation == _TO_LAST:
            self._last[made] = self._read(source)
        else:
            raise unknown_operator(node, "int8 for onnxruntime")

    def _analogue_convolution(self, node: onnx.NodeProto) -> None:
        if not self._is_pointwise(node):
            inputs = [self._channels_first(node.input[0]), *map(self._constant, node.input[1:])]
            self._first[node.output[0]] = self._builder.copy(node, inputs)
            return
        parts = self._pointwise.joined(node)
        if parts:
            made = self._pointwise.products(node, parts, self._read)
        else:
            made = self._pointwise.product(node, self._read)
        self._made(node, made)

    def _reduce(self, node: onnx.NodeProto, read: str) -> None:
        settings = attributes(node)
        moved = {"axes": [_MOVED[axis] for axis in settings["axes"]]} if "axes" in settings else {}
        self._made(node, self._builder.copy(node, [read], **moved))

    def _mean(self, node: onnx.NodeProto) -> None:
        """Emits the mean of each row, then the mean of these means.

        ONNX Runtime is eight times slower over columns, and seventeen times over both at once.
        """
        rows = self._builder.node(
            "ReduceMean", [self._read(node.input[0])], f"{node.output[0]}/rows", axes=[2]
        )
        self._made(node, self._builder.node("ReduceMean", [rows], node.output[0], axes=[1]))

    def _resize(self, node: onnx.NodeProto) -> None:
        source, _, scales = node.input
        moved = self._builder.constant(f"{scales}/last", self._source.constants[scales][_TO_LAST])
        self._made(node, self._builder.copy(node, [self._read(source), "", moved]))

    def _probe(self, node: onnx.NodeProto) -> None:
        """Emits a node that only the probe outputs read (means and peaks of spikes) in float32."""
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
