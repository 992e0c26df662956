"""Reads the nodes and constants of a graph to rewrite, and writes the new model."""

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
EXPORT_AGAIN = (
    "export the model again with this version: spikerain-edge export CHECKPOINT, with its "
    "checkpoint folder"
)
"""Remedy for graphs that other versions unrolled differently."""


class SourceGraph:
    """An unrolled FP32 graph that is to be rewritten.

    Attributes:
        nodes: its nodes, each after the nodes whose outputs it reads.
        constants: its initializers by name.
        made_by: the node that produces each tensor.

    Args:
        model: the model to read; its metadata are ignored.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self._model = model
        self.nodes = list(model.graph.node)
        self.constants: dict[str, Array] = {
            tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer
        }
        self.made_by = {output: node for node in self.nodes for output in node.output}

    def readers(self) -> dict[str, list[onnx.NodeProto]]:
        """Returns the nodes that read each tensor, by its name."""
        found: dict[str, list[onnx.NodeProto]] = {}
        for node in self.nodes:
            for name in node.input:
                found.setdefault(name, []).append(node)
        return found

    def ancestors(self, tensor: str) -> set[str]:
        """Returns the names of all nodes that a tensor depends on."""
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
        """Returns a model of the nodes in `builder` with this graph's name, inputs and outputs.

        Args:
            builder: nodes and constants of the new graph.
            domains: versions of other operator sets than ONNX's own.
        """
        graph = self._model.graph
        opset = opset_of(self._model)
        return builder.model(graph.name, graph.input, graph.output, opset, domains or {})


def opset_of(model: onnx.ModelProto) -> int:
    """Returns the version of ONNX's own operator set that a model uses."""
    versions = {entry.domain: entry.version for entry in model.opset_import}
    return int(versions[""])


def attributes(node: onnx.NodeProto) -> dict[str, Any]:
    """Returns the attributes of a node by name, as Python values."""
    return {entry.name: helper.get_attribute_value(entry) for entry in node.attribute}


def layer_of(node: onnx.NodeProto) -> str:
    """Returns the layer that a node belongs to: its name without the timestep."""
    layer, _, step = str(node.name).rpartition("/")
    return layer if layer and step.isdigit() else str(node.name)


def neuron_nodes(source: SourceGraph, spec: ModelSpec) -> dict[str, str]:
    """Returns the layer of every node that computes potentials, by the node's name."""
    layers = {layer.name for layer in spec.neurons}
    spikes = {name for layer in spec.neurons for name in layer.spikes}
    pieces = ((node.name, node.name.rpartition("/")[0]) for node in source.nodes)
    owners = ((name, prefix.rpartition("/")[0]) for name, prefix in pieces if name not in spikes)
    return {name: owner for name, owner in owners if owner in layers}


def unknown_operator(node: onnx.NodeProto, precision: str, detail: str = "") -> ModelError:
    """Returns the error to raise for a node that cannot be converted to a precision."""
    place = " ".join(filter(None, (f"node {node.name or node.output[0]!r}", detail)))
    return ModelError(
        f"the operator {node.op_type} ({place}) cannot be converted to {precision}", EXPORT_AGAIN
    )


def require_full_precision(precision: str, asked: str) -> None:
    """Checks that a graph is in FP32.

    Raises:
        ModelError: the graph has another precision.
    """
    if precision != "fp32":
        raise ModelError(
            f"the graph is already {precision}; {asked} is made from fp32",
            "export the FP32 file that it was made from: spikerain-edge export MODEL.onnx",
        )
