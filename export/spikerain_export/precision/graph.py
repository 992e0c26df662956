"""What rewriting a graph takes: reading nodes and constants, and writing a new model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from spikerain_edge.errors import ModelError
from spikerain_edge.spec import ModelSpec
from spikerain_export.builder import GraphBuilder

Array = npt.NDArray[Any]


class SourceGraph:
    """A graph to be rewritten: one of ours, in full precision.

    Attributes:
        nodes: its nodes, each after those whose outputs it reads.
        constants: its initializers by name.
        made_by: the node that makes a tensor.

    Args:
        model: the model to read; its metadata are passed over.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self._model = model
        self.nodes = list(model.graph.node)
        self.constants: dict[str, Array] = {
            tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer
        }
        self.made_by = {output: node for node in self.nodes for output in node.output}

    def readers(self) -> dict[str, list[onnx.NodeProto]]:
        """The nodes that read each tensor."""
        found: dict[str, list[onnx.NodeProto]] = {}
        for node in self.nodes:
            for name in node.input:
                found.setdefault(name, []).append(node)
        return found

    def ancestors(self, tensor: str) -> set[str]:
        """Names of all nodes that a tensor depends on."""
        found: set[str] = set()
        waiting = [tensor]
        while waiting:
            node = self.made_by.get(waiting.pop())
            if node is not None and node.name not in found:
                found.add(node.name)
                waiting.extend(node.input)
        return found

    def finish(
        self, builder: GraphBuilder, domains: Mapping[str, int] | None = None
    ) -> onnx.ModelProto:
        """A model of what `builder` collected, with this graph's name, inputs and outputs.

        Args:
            builder: nodes and constants of the new graph.
            domains: versions of operator sets besides ONNX's own.
        """
        graph = self._model.graph
        opset = opset_of(self._model)
        return builder.model(graph.name, graph.input, graph.output, opset, domains or {})


def opset_of(model: onnx.ModelProto) -> int:
    """Version of ONNX's own operator set that a model is written in."""
    versions = {entry.domain: entry.version for entry in model.opset_import}
    return int(versions[""])


def attributes(node: onnx.NodeProto) -> dict[str, Any]:
    """Attributes of a node by name, as Python values."""
    return {entry.name: helper.get_attribute_value(entry) for entry in node.attribute}


def layer_of(node: onnx.NodeProto) -> str:
    """The layer a node belongs to: its name without the timestep."""
    layer, _, step = str(node.name).rpartition("/")
    return layer if layer and step.isdigit() else str(node.name)


def neuron_nodes(source: SourceGraph, spec: ModelSpec) -> dict[str, str]:
    """The neuron layer of every node that computes a membrane potential, by the node's name."""
    layers = {layer.name for layer in spec.neurons}
    spikes = {name for layer in spec.neurons for name in layer.spikes}
    pieces = ((node.name, node.name.rpartition("/")[0]) for node in source.nodes)
    owners = ((name, prefix.rpartition("/")[0]) for name, prefix in pieces if name not in spikes)
    return {name: owner for name, owner in owners if owner in layers}


def unknown_operator(node: onnx.NodeProto, precision: str) -> ModelError:
    """What to raise about a node that a rewrite has no rule for."""
    return ModelError(
        f"no rule takes the operator {node.op_type} (node {node.name or node.output[0]!r}) to "
        f"{precision}",
        "export the model again with this version: spikerain-edge export CHECKPOINT",
    )


def require_full_precision(precision: str, asked: str) -> None:
    """Checks that a graph is in FP32.

    Raises:
        ModelError: it has been rewritten already.
    """
    if precision != "fp32":
        raise ModelError(
            f"the model is {precision} already, {asked} is made from fp32",
            "give the FP32 file: spikerain-edge export MODEL.onnx",
        )
