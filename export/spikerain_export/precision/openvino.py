"""INT8 for OpenVINO: pairs around spiking convolutions, and neurons in one pass over memory.

As for TensorRT, spikes are exact bytes, only weights are rounded, and integer convolutions return
float32. Six rewrites, each exact up to the order of float32 sums, make OpenVINO run the graph in
integers and with fewer passes over memory:

* A current that only neurons read is made with its sign reversed: weights and biases carry the
  sign, so that the neuron's `Neg` is dropped and its `Sub` becomes `Add`. Otherwise OpenVINO folds
  the factor -1 into the convolution and then no longer finds the pattern of quantised weights.
* Each unit of a dense block is one convolution over all spikes that it reads.
* Spikes are cast to bytes before they are concatenated. One of them passes through a
  `QuantizeLinear`, because OpenVINO only looks for integers in graphs that have one.
* All spikes of a neuron layer are made to depend on its last potential, by a comparison that is
  always true. OpenVINO then runs all timesteps of a layer in one pass and keeps no potential.
* The scale of a block's merging convolution is multiplied into the gates of the attention, which
  are small, and not into the feature.
* Means over channels are 1x1 convolutions, and means over pixels go rows first.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto

from spikerain_edge.spec import ModelSpec
from spikerain_export.builder import Array, GraphBuilder
from spikerain_export.counting import MEAN
from spikerain_export.precision.dense import SpikingConvolution, SpikingConvolutions
from spikerain_export.precision.graph import SourceGraph, attributes
from spikerain_export.precision.scales import quantise_weight

# Every potential is below this: float32 ends at 3.4e38.
_HUGE = 3e38


class OpenVinoWriter:
    """Copies a graph with the rewrites above.

    Args:
        source: FP32 graph.
        spec: its description.
    """

    def __init__(self, source: SourceGraph, spec: ModelSpec) -> None:
        self._source = source
        self._convolutions = SpikingConvolutions(source, spec)
        self._builder = GraphBuilder()
        self._spikes = {name: layer.spikes[-1] for layer in spec.neurons for name in layer.spikes}
        self._picture = source.ancestors(spec.image_output)
        self._readers = source.readers()
        # New names of tensors of the source, tensors with the sign reversed, and the scales that
        # features still have to be multiplied by.
        self._names: dict[str, str] = {}
        self._reversed: set[str] = set()
        self._scales: dict[str, str] = {}
        self._waiting: list[onnx.NodeProto] = []
        self._quantised = False

    def write(self) -> onnx.ModelProto:
        """Returns the rewritten model."""
        for node in self._source.nodes:
            for convolution in self._convolutions.at.get(node.name, ()):
                self._convolution(convolution)
            if node.name in self._convolutions.replaced:
                continue
            if node.op_type == "Concat" and self._convolutions.leaves(node.output[0]):
                continue  # integer convolutions have their own
            if node.name in self._picture:
                self._node(node)
            else:
                self._copy(node, [self._probed(name) for name in node.input])
        return self._source.finish(self._builder)

    def _node(self, node: onnx.NodeProto) -> None:
        kind, made = node.op_type, node.output[0]
        if made in self._spikes:
            self._spike(node)
        elif kind == "Neg" and node.input[0] in self._reversed:
            self._names[made] = self._read(node.input[0])
        elif kind == "Sub" and node.input[1] in self._reversed:
            rest, current = map(self._read, node.input)
            self._builder.node("Add", [current, rest], made)
        elif kind == "GlobalAveragePool":
            self._pixel_mean(node)
        elif kind == "ReduceMean" and attributes(node).get("axes") == [1]:
            self._channel_mean(node)
        elif kind == "Mul" and node.input[0] in self._scales:
            self._gated(node)
        else:
            self._copy(node, [self._read(name) for name in node.input])

    def _copy(self, node: onnx.NodeProto, inputs: list[str]) -> None:
        self._builder.copy(node, inputs)

    def _read(self, name: str) -> str:
        if name in self._source.constants:
            return self._builder.constant(name, self._source.constants[name])
        return self._names.get(name, name)

    def _probed(self, name: str) -> str:
        """Returns a tensor for a node that only the probe outputs read: spikes as float32."""
        if name not in self._spikes:
            return self._read(name)
        return self._once("Cast", [name], f"{name}/float", to=TensorProto.FLOAT)

    def _once(self, operator: str, inputs: list[str], name: str, **settings: object) -> str:
        if name not in self._names:
            self._names[name] = self._builder.node(operator, inputs, name, **settings)
        return name

    def _spike(self, node: onnx.NodeProto) -> None:
        """Emits the spikes of a layer when its last potential is known."""
        self._waiting.append(node)
        layer = node.output[0].rpartition("/spikes/")[0]
        if node.output[0] != self._spikes[node.output[0]]:
            return
        potential = self._source.made_by[node.input[0]].input[0]
        for number, waiting in enumerate(self._waiting):
            fired = waiting.input[0]
            if waiting is not node:
                known = self._once(
                    "LessOrEqual",
                    [self._read(potential), self._builder.scalar(_HUGE)],
                    f"{layer}/known",
                )
                fired = self._builder.node("And", [fired, known], f"{layer}/fires/{number}")
            self._bytes(waiting, fired)
        self._waiting.clear()

    def _bytes(self, node: onnx.NodeProto, fired: str) -> None:
        if self._quantised:
            self._builder.copy(node, [fired], to=TensorProto.UINT8)
            return
        self._quantised = True
        made = node.output[0]
        floats = self._builder.node("Cast", [fired], f"{made}/float", to=TensorProto.FLOAT)
        self._names[floats] = floats
        self._builder.node(
            "QuantizeLinear", [floats, self._builder.scalar(1.0), self._zero()], made
        )

    def _zero(self) -> str:
        return self._builder.constant("spike/zero", np.uint8(0))

    def _convolution(self, convolution: SpikingConvolution) -> None:
        """Emits a convolution on bytes that returns float32."""
        weight, bias, layer = convolution.weight, convolution.bias, convolution.layer
        if convolution.only_neurons:
            weight, bias = -weight, -bias
            self._reversed.add(convolution.output)
        levels, steps = quantise_weight(weight)
        if self._scales_gates(convolution):
            scale = self._builder.constant(f"{layer}/scale", steps.reshape(1, -1, 1, 1))
            self._scales[convolution.output] = scale
            steps = np.ones_like(steps)
        inputs = [self._exact(convolution.spikes), self._weight(layer, levels, steps)]
        if bias.any():
            inputs.append(self._builder.constant(f"{layer}/bias", bias))
        name = f"{layer}/{convolution.output.rpartition('/')[2]}"
        self._names[convolution.output] = self._builder.node(
            "Conv", inputs, name, **convolution.settings
        )

    def _scales_gates(self, convolution: SpikingConvolution) -> bool:
        """Whether only a mean and a product with a gate read the output of a convolution."""
        readers = self._readers[convolution.output]
        gated = [node.input[0] for node in readers if node.op_type == "Mul"]
        kinds = sorted(node.op_type for node in readers)
        return (
            kinds == ["GlobalAveragePool", "Mul"]
            and gated == [convolution.output]
            and not convolution.bias.any()
        )

    def _weight(self, layer: str, levels: Array, steps: Array) -> str:
        inputs = [
            self._builder.constant(f"{layer}/weight", levels),
            self._builder.constant(f"{layer}/weight/scale", steps),
            self._builder.constant(f"{layer}/weight/zero", np.zeros(len(levels), np.int8)),
        ]
        return self._once("DequantizeLinear", inputs, f"{layer}/rounded", axis=0)

    def _exact(self, spikes: tuple[str, ...]) -> str:
        """Concatenates the bytes of spikes over channels and converts them to float32."""
        joined = spikes[0]
        if len(spikes) > 1:
            joined = self._once("Concat", list(spikes), f"{spikes[-1]}/{len(spikes)}", axis=1)
        inputs = [joined, self._builder.scalar(1.0), self._zero()]
        return self._once("DequantizeLinear", inputs, f"{joined}/exact")

    def _pixel_mean(self, node: onnx.NodeProto) -> None:
        read, made = node.input[0], node.output[0]
        rows = self._builder.node("ReduceMean", [self._read(read)], f"{made}/rows", axes=[2])
        self._builder.node("ReduceMean", [rows], made, axes=[3])
        if read in self._scales:
            scaled = self._builder.node("Mul", [made, self._scales[read]], f"{made}/scaled")
            self._names[made] = scaled

    def _channel_mean(self, node: onnx.NodeProto) -> None:
        """Emits a mean over channels as a 1x1 convolution, if the number of channels is known."""
        channels = self._channels(node.input[0])
        if not channels:
            self._copy(node, [self._read(node.input[0])])
            return
        equal = np.full((1, channels, 1, 1), 1 / channels, np.float32)
        weight = self._builder.constant(f"{MEAN}/{channels}", equal)
        inputs = [self._read(node.input[0]), weight]
        self._builder.node("Conv", inputs, node.output[0], kernel_shape=[1, 1])

    def _channels(self, tensor: str) -> int:
        """Number of channels of a merged feature, its mean, or its product with a gate; else 0."""
        node = self._source.made_by.get(tensor)
        while node is not None and node.op_type in ("GlobalAveragePool", "Mul"):
            node = self._source.made_by.get(node.input[0])
        if node is None or node.op_type != "Conv":
            return 0
        return len(self._source.constants[node.input[1]])

    def _gated(self, node: onnx.NodeProto) -> None:
        """Emits the product of a feature and a gate, and gives the gate the feature's scale."""
        feature, gate = node.input
        scaled = self._builder.node(
            "Mul", [self._read(gate), self._scales[feature]], f"{node.output[0]}/gate"
        )
        self._builder.node("Mul", [self._read(feature), scaled], node.output[0])
