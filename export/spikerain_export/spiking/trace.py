"""Reads the neurons and convolutions of an unrolled graph."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import onnx

from spikerain_edge.errors import ModelError
from spikerain_edge.parts import NeuronLayer
from spikerain_export.origin import Graph
from spikerain_export.precision.graph import (
    EXPORT_AGAIN,
    SourceGraph,
    attributes,
    layer_of,
    unknown_operator,
)
from spikerain_export.spiking.network import (
    FEATURES,
    IMAGE,
    Convolution,
    Neurons,
    Readout,
    SpikingNetwork,
)
from spikerain_export.spiking.primitives import require_primitives


@dataclass(frozen=True)
class _Spikes:
    """Spikes of neuron layers, in channel order."""

    layers: tuple[NeuronLayer, ...]


@dataclass(frozen=True)
class _Picture:
    """The pixels of the image, in 0..255."""


@dataclass(frozen=True)
class _Current:
    """A sum of convolutions."""

    terms: tuple[Convolution, ...]


_Value = _Spikes | _Picture | _Current


def spiking_network(graph: Graph) -> SpikingNetwork:
    """Reads a network from its unrolled FP32 graph, at the first timestep.

    All timesteps have the same convolutions. `proof.prove` checks that on pictures.

    Args:
        graph: an FP32 graph of free size.

    Raises:
        InputError: the network has other parts than neurons and convolutions.
        ModelError: the graph was unrolled by another version.
    """
    spec = graph.spec
    require_primitives(graph)
    tracer = _Tracer(graph)
    neurons = {layer.name: tracer.neurons(layer) for layer in spec.neurons}
    return SpikingNetwork(
        name=spec.name,
        timesteps=spec.timesteps,
        threshold=spec.threshold,
        neurons=neurons,
        readout=tracer.readout(),
        weights_sha256=spec.weights_sha256,
    )


class _Tracer:
    """Follows tensors of the first timestep back to the spikes or pixels that they come from."""

    def __init__(self, graph: Graph) -> None:
        self._source = SourceGraph(graph.model)
        self._spec = graph.spec
        self._layers = {layer.spikes[0]: layer for layer in graph.spec.neurons}
        self._known: dict[str, _Value] = {graph.spec.image_input: _Picture()}

    def neurons(self, layer: NeuronLayer) -> Neurons:
        current = self._behind(layer.spikes[0], "Cast", "LessOrEqual", "Neg")
        return Neurons(
            layer.name,
            layer.channels,
            math.isqrt(layer.reduction),
            self._current(current).terms,
            layer.spikes,
        )

    def readout(self) -> Readout:
        summed = self._behind(self._spec.image_output, "Cast", "Clip", "Round")
        residual = self._node(summed, "Add").input[1]
        tensor, shuffle = self._behind(residual, "Transpose"), 1
        node = self._source.made_by[tensor]
        if node.op_type == "DepthToSpace":
            tensor, shuffle = node.input[0], attributes(node)["blocksize"]
        output = self._node(tensor, "Conv")
        feature, weights = self._fused(output.input[0])
        (convolution,) = self._convolutions(output, (FEATURES,), (0,))
        return Readout(
            self._current(feature).terms, replace(convolution, shuffle=shuffle), weights, residual
        )

    def _fused(self, tensor: str) -> tuple[str, np.ndarray[tuple[int], np.dtype[np.float64]]]:
        """Returns the features of the first timestep, and the weights of all timesteps."""
        if self._spec.timesteps == 1:
            return tensor, np.ones(1)
        weights: list[float] = []
        term = tensor
        for t in reversed(range(self._spec.timesteps)):
            if t:
                tensor, term = self._node(tensor, "Add").input
            else:
                term = tensor
            scaled = self._node(term, "Mul")
            weights.insert(0, float(self._source.constants[scaled.input[1]]))
        return scaled.input[0], np.array(weights)

    def _behind(self, tensor: str, *operators: str) -> str:
        """Returns the tensor before a chain of operators, the last of them first."""
        for operator in operators:
            tensor = self._node(tensor, operator).input[0]
        return tensor

    def _node(self, tensor: str, operator: str) -> onnx.NodeProto:
        node = self._source.made_by.get(tensor)
        if node is None or node.op_type != operator:
            raise ModelError(f"{tensor} is not the result of {operator}", EXPORT_AGAIN)
        return node

    def _current(self, tensor: str) -> _Current:
        value = self._value(tensor)
        if not isinstance(value, _Current):
            raise ModelError(f"{tensor} is not a sum of convolutions", EXPORT_AGAIN)
        return value

    def _value(self, tensor: str) -> _Value:
        if tensor not in self._known:
            if tensor in self._layers:
                self._known[tensor] = _Spikes((self._layers[tensor],))
            else:
                self._known[tensor] = self._made(self._source.made_by[tensor], tensor)
        return self._known[tensor]

    def _made(self, node: onnx.NodeProto, tensor: str) -> _Value:
        if node.op_type == "Split":
            return self._part(node, tensor)
        values = [self._value(name) for name in node.input if name in self._source.made_by]
        values = values or [self._value(node.input[0])]
        first = values[0]
        if node.op_type in ("Cast", "Transpose") and isinstance(first, _Picture):
            return first
        if node.op_type == "Conv" and not isinstance(first, _Current):
            return self._convolved(node, first)
        if node.op_type == "Add" and all(isinstance(value, _Current) for value in values):
            return _Current(tuple(t for v in values if isinstance(v, _Current) for t in v.terms))
        if node.op_type == "Concat" and all(isinstance(value, _Spikes) for value in values):
            return _Spikes(tuple(n for v in values if isinstance(v, _Spikes) for n in v.layers))
        if node.op_type == "DepthToSpace" and isinstance(first, _Current):
            return self._shuffled(node, first)
        raise unknown_operator(node, "NIR")

    def _shuffled(self, node: onnx.NodeProto, current: _Current) -> _Current:
        found = attributes(node)
        if found["mode"] != b"CRD" or any(term.shuffle > 1 for term in current.terms):
            raise unknown_operator(node, "NIR")
        return _Current(tuple(replace(term, shuffle=found["blocksize"]) for term in current.terms))

    def _convolved(self, node: onnx.NodeProto, read: _Spikes | _Picture) -> _Current:
        if isinstance(read, _Picture):
            return _Current(self._convolutions(node, (IMAGE,), (0,)))
        names = [layer.name for layer in read.layers]
        starts = np.cumsum([0, *(layer.channels for layer in read.layers)])[:-1]
        return _Current(self._convolutions(node, names, starts.tolist()))

    def _convolutions(
        self, node: onnx.NodeProto, sources: Sequence[str], starts: Sequence[int]
    ) -> tuple[Convolution, ...]:
        """Splits a convolution of several layers into one for each; the first has the bias.

        Args:
            node: the convolution.
            sources: the layers that it reads.
            starts: first input channel of each.
        """
        name, found = layer_of(node), attributes(node)
        kernels = np.split(self._source.constants[node.input[1]], starts[1:], axis=1)
        bias = self._source.constants[node.input[2]] if len(node.input) > 2 else None
        return tuple(
            Convolution(
                name if len(sources) == 1 else f"{name}.{source}",
                source,
                kernel,
                bias if number == 0 else None,
                found["strides"][0],
                found["pads"][0],
            )
            for number, (source, kernel) in enumerate(zip(sources, kernels, strict=True))
        )

    def _part(self, node: onnx.NodeProto, tensor: str) -> _Current:
        """Returns the convolutions of some output channels."""
        whole = self._current(node.input[0])
        outputs = whole.terms[0].weight.shape[0]
        count = len(node.output)
        sizes = [outputs // count] * count
        if len(node.input) > 1:
            sizes = self._source.constants[node.input[1]].tolist()
        position = list(node.output).index(tensor)
        part = slice(sum(sizes[:position]), sum(sizes[: position + 1]))
        name = tensor.rpartition("/")[0]
        return _Current(
            tuple(
                replace(
                    term,
                    name=name,
                    weight=term.weight[part],
                    bias=None if term.bias is None else term.bias[part],
                )
                for term in whole.terms
            )
        )
