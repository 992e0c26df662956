"""Emits products of a feature and a gate for ONNX Runtime, channels last."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import onnx

from spikerain_export.builder import GraphBuilder
from spikerain_export.precision.graph import SourceGraph


class GateWriter:
    """Multiplies features by gates.

    ONNX Runtime multiplies piece by piece, where a piece is what is repeated: it is twice as fast
    if a gate is first repeated over a row of pixels.

    Args:
        source: FP32 graph.
        builder: builder that receives the nodes.
    """

    def __init__(self, source: SourceGraph, builder: GraphBuilder) -> None:
        self._source = source
        self._builder = builder
        # Tensors with one value per channel, or one in all: means over all pixels and what is
        # computed from these alone.
        self._gates: set[str] = set()
        for node in source.nodes:
            if node.op_type == "GlobalAveragePool" or self._gates.issuperset(self._inputs(node)):
                self._gates.update(node.output)

    def is_product(self, node: onnx.NodeProto) -> bool:
        """Whether a node multiplies a feature by a gate."""
        inputs = self._inputs(node)
        wanted = len(inputs) == 2 and self._gates.intersection(inputs) == {inputs[1]}
        return node.op_type == "Mul" and wanted

    def product(
        self, node: onnx.NodeProto, read: Callable[[str], str], levels: Mapping[str, str]
    ) -> str:
        """Emits the product.

        Args:
            node: the product in the FP32 graph.
            read: returns a tensor with channels last.
            levels: tensors of the same size as features, in bytes, where there are any. Reading
                them does not keep the features in memory.
        """
        feature, gate = map(read, node.input)
        made, builder = node.output[0], self._builder
        sized = levels.get(feature, feature)
        width = builder.node("Shape", [sized], f"{made}/width", start=2, end=3)
        one = builder.constant("channels/1", np.array([1], np.int64))
        shape = builder.node("Concat", [width, one], f"{made}/row", axis=0)
        row = builder.node("Expand", [gate, shape], f"{made}/gates")
        return builder.copy(node, [feature, row])

    def _inputs(self, node: onnx.NodeProto) -> list[str]:
        return [name for name in node.input if name not in self._source.constants]
