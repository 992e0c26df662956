"""Puts neuron layers in bytes into a graph for ONNX Runtime, with the bytes that they read."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import onnx

from spikerain_edge.spec import ModelSpec
from spikerain_export.builder import GraphBuilder
from spikerain_export.precision.byte_neurons import (
    ByteLayer,
    ByteNeuronWriter,
    byte_layers,
    stored,
)
from spikerain_export.precision.dense import SpikingConvolution
from spikerain_export.precision.graph import SourceGraph, neuron_nodes
from spikerain_export.precision.qlinear import IntegerConvolutionWriter
from spikerain_export.precision.scales import OutputScale


class LayersInBytes:
    """The neuron layers of a graph that are computed in bytes.

    Attributes:
        replaced: these layers by the names of the nodes of the FP32 graph that they replace.

    Args:
        source: FP32 graph.
        spec: its description.
        builder: builder that receives the nodes.
        integer: emits the convolutions.
        scales: the scale of each convolution, and of the currents of each layer that reads
            features.
    """

    def __init__(
        self,
        source: SourceGraph,
        spec: ModelSpec,
        builder: GraphBuilder,
        integer: IntegerConvolutionWriter,
        scales: Mapping[str, OutputScale],
    ) -> None:
        self._builder = builder
        self._integer = integer
        self._scales = scales
        self._threshold = spec.threshold
        self._neurons = ByteNeuronWriter(builder, spec.threshold)
        layers = {layer.name: layer for layer in byte_layers(source, spec)}
        nodes = neuron_nodes(source, spec).items()
        self.replaced = {node: layers[name] for node, name in nodes if name in layers}
        self.replaced |= {name: layer for layer in layers.values() for name in layer.spikes}
        self._reader = {name: layer for layer in layers.values() for name in layer.currents}
        # Currents as bytes with their scale, by their name in the FP32 graph; written layers.
        self._levels: dict[str, tuple[str, OutputScale]] = {}
        self._written: set[str] = set()

    def take(self, convolution: SpikingConvolution) -> bool:
        """Emits a convolution to bytes if only one of these layers reads its output.

        Returns:
            Whether it was emitted.
        """
        current = convolution.output
        layer = self._reader.get(current)
        if layer is None or not convolution.only_neurons:
            return False
        scale = self._scales[convolution.layer]
        kept = self._stored(layer, layer.currents.index(current), scale)
        self._levels[current] = self._integer.write_bytes(convolution, kept), scale
        return True

    def write(self, node: onnx.NodeProto, read: Callable[[str], str]) -> dict[str, str]:
        """Emits the layer of a node when its first node is met: all its currents are known by then.

        Args:
            node: a node that the layer replaces.
            read: returns the feature map, channels last, that a current is.

        Returns:
            The spike tensors that it emits, by their names in the FP32 graph.
        """
        layer = self.replaced[node.name]
        if layer.name in self._written:
            return {}
        self._written.add(layer.name)
        if all(name in self._levels for name in layer.currents):
            levels, scales = zip(*(self._levels[name] for name in layer.currents), strict=True)
            scale = scales[0]
        else:
            scale = self._scales[layer.name]
            levels = tuple(
                self._rounded(layer, step, read(current), scale)
                for step, current in enumerate(layer.currents)
            )
        self._neurons.write(layer, levels, scale)
        return {name: name for name in layer.spikes}

    def _stored(self, layer: ByteLayer, step: int, scale: OutputScale) -> OutputScale:
        return stored(scale, self._threshold, step, len(layer.currents))

    def _rounded(self, layer: ByteLayer, step: int, feature: str, scale: OutputScale) -> str:
        """Emits the bytes of a current that is a feature in float32."""
        kept = self._stored(layer, step, scale)
        inputs = [
            feature,
            self._builder.constant(f"{layer.name}/scale", np.float32(kept.scale)),
            self._builder.constant(f"level/{kept.zero}", np.uint8(kept.zero)),
        ]
        return self._builder.node("QuantizeLinear", inputs, f"{layer.name}/levels/{step}")
