"""Computes the currents of a NIR graph from given spikes, with ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping

import nir
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from spikerain_export.builder import Array
from spikerain_export.opset import OPSET


class Currents:
    """The convolutions of a NIR graph, between given spikes and the currents that follow.

    Args:
        graph: a graph of convolutions and LIF neurons.
        timesteps: number of timesteps, folded into the batch.
    """

    def __init__(self, graph: nir.NIRGraph, timesteps: int) -> None:
        self._timesteps = timesteps
        self._outputs = _named(graph, nir.Output, nir.LIF)
        emitter = _Emitter(graph)
        sums = [emitter.sum(name) for name in self._outputs]
        made = helper.make_graph(
            emitter.nodes,
            "currents",
            [_maps(name) for name in _named(graph, nir.Input, nir.LIF)],
            [_maps(name) for name in sums],
            emitter.constants,
        )
        model = helper.make_model(
            made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8
        )
        self._session = onnxruntime.InferenceSession(
            model.SerializeToString(), providers=["CPUExecutionProvider"]
        )

    def __call__(self, spikes: Mapping[str, Array]) -> dict[str, Array]:
        """Returns the current of each LIF node, and the output, all (T, C, h, w).

        Args:
            spikes: spikes (T, C, h, w) of each LIF node, and the image (1, 3, H, W).
        """
        values = self._session.run(None, dict(spikes))
        return {
            name: np.broadcast_to(value, (self._timesteps, *value.shape[1:]))
            for name, value in zip(self._outputs, values, strict=True)
        }


class _Emitter:
    """Emits each convolution once, after what it reads. Spikes are inputs, so nothing recurs."""

    def __init__(self, graph: nir.NIRGraph) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._graph = graph
        self._emitted: set[str] = set()

    def sum(self, name: str) -> str:
        """Emits the sum of all edges into a node, and returns its tensor."""
        terms = [self._output(source) for source, target in self._graph.edges if target == name]
        self.nodes.append(helper.make_node("Sum", terms, [f"{name}/sum"]))
        return f"{name}/sum"

    def _output(self, name: str) -> str:
        node = self._graph.nodes[name]
        if not isinstance(node, nir.Conv2d) or name in self._emitted:
            return name
        self._emitted.add(name)
        constants = {"weight": node.weight, "bias": node.bias}
        self.constants += [
            numpy_helper.from_array(np.asarray(value), f"{name}/{key}")
            for key, value in constants.items()
        ]
        self.nodes.append(
            helper.make_node(
                "Conv",
                [self.sum(name), *(f"{name}/{key}" for key in constants)],
                [name],
                strides=[int(each) for each in node.stride],
                pads=[int(each) for each in node.padding] * 2,
            )
        )
        return name


def _named(graph: nir.NIRGraph, *kinds: type[nir.NIRNode]) -> list[str]:
    return [name for name, node in graph.nodes.items() if isinstance(node, kinds)]


def _maps(name: str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * 4)
