"""INT8 for TensorRT: adds QuantizeLinear/DequantizeLinear pairs before spiking convolutions."""

from __future__ import annotations

import numpy as np
import onnx

from spikerain_edge.spec import ModelSpec
from spikerain_export.builder import GraphBuilder
from spikerain_export.precision.dense import SpikingConvolutions
from spikerain_export.precision.graph import SourceGraph
from spikerain_export.precision.scales import quantise_weight


def with_pairs(source: SourceGraph, spec: ModelSpec) -> onnx.ModelProto:
    """Returns the graph with signed 8-bit spikes and weights for every spiking convolution.

    Spikes have scale 1 and zero point 0; weights have one scale per output channel and zero point
    0, as TensorRT's symmetric signed INT8 requires. A convolution that reads such pairs returns
    float32 and adds its bias in float32, so only weights are rounded.
    """
    writer = _PairWriter(source, spec)
    for node in source.nodes:
        writer.add(node)
    return source.finish(writer.builder)


class _PairWriter:
    """Copies a graph and adds pairs before its spiking convolutions."""

    def __init__(self, source: SourceGraph, spec: ModelSpec) -> None:
        self.builder = GraphBuilder()
        self._source = source
        self._leaves = SpikingConvolutions(source, spec).leaves
        self._pairs: dict[str, str] = {}

    def add(self, node: onnx.NodeProto) -> None:
        """Adds a node, with pairs before it if it is a convolution on spikes."""
        if node.op_type == "Conv" and self._leaves(node.input[0]):
            spikes, weight, *bias = node.input
            inputs = [self._spikes(spikes), self._weight(weight), *map(self._known, bias)]
        else:
            inputs = [self._known(name) for name in node.input]
        self.builder.copy(node, inputs)

    def _known(self, name: str) -> str:
        if name in self._source.constants:
            self.builder.constant(name, self._source.constants[name])
        return name

    def _spikes(self, tensor: str) -> str:
        """Passes spikes through signed bytes, once for all convolutions that read them."""
        if tensor not in self._pairs:
            one = self.builder.scalar(1.0)
            zero = self.builder.constant("spike/zero", np.int8(0))
            levels = self.builder.node("QuantizeLinear", [tensor, one, zero], f"{tensor}/bytes")
            self._pairs[tensor] = self.builder.node(
                "DequantizeLinear", [levels, one, zero], f"{tensor}/exact"
            )
        return self._pairs[tensor]

    def _weight(self, name: str) -> str:
        if name not in self._pairs:
            levels, steps = quantise_weight(self._source.constants[name])
            inputs = [
                self.builder.constant(f"{name}/bytes", levels),
                self.builder.constant(f"{name}/scale", steps),
                self.builder.constant(f"{name}/zero", np.zeros(len(levels), np.int8)),
            ]
            self._pairs[name] = self.builder.node(
                "DequantizeLinear", inputs, f"{name}/rounded", axis=0
            )
        return self._pairs[name]
