"""Emits 1x1 convolutions for ONNX Runtime as matrix products on features with channels last."""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np
import onnx

from spikerain_export.builder import Array, GraphBuilder
from spikerain_export.precision.graph import SourceGraph

Read = Callable[[str], str]


class PointwiseWriter:
    """Emits 1x1 convolutions.

    Args:
        source: FP32 graph.
        builder: builder that receives the nodes.
    """

    def __init__(self, source: SourceGraph, builder: GraphBuilder) -> None:
        self._source = source
        self._builder = builder

    def joined(self, node: onnx.NodeProto) -> tuple[str, ...]:
        """Returns the features whose concatenation a convolution alone reads, else nothing."""
        maker = self._source.made_by.get(node.input[0])
        if maker is None or maker.op_type != "Concat":
            return ()
        readers = [each for each in self._source.nodes if maker.output[0] in each.input]
        return tuple(maker.input) if len(readers) == 1 else ()

    def product(self, node: onnx.NodeProto, read: Read) -> str:
        """Emits a convolution of one feature as a product and a sum."""
        name, matrix = node.output[0], self._matrix(node, self._weight(node), "")
        product = self._builder.node("MatMul", [read(node.input[0]), matrix], f"{name}/product")
        return self._builder.node("Add", [product, self._bias(node)], name)

    def products(
        self, node: onnx.NodeProto, parts: tuple[str, ...], gates: Collection[str], read: Read
    ) -> str:
        """Emits a convolution of several features without concatenating them.

        The weights of a feature that is the product of another one and a gate are multiplied by
        the gate, and added to those of the other one: `W1 x + W2 (g x) = (W1 + W2 g) x`.

        Args:
            node: the convolution.
            parts: the features.
            gates: tensors of the FP32 graph with one value per channel.
            read: returns a feature map with channels last.
        """
        weights = np.split(self._weight(node), len(parts))
        matrices = {
            part: self._matrix(node, weight, f"/{place}")
            for place, (part, weight) in enumerate(zip(parts, weights, strict=True))
        }
        for part in parts:
            maker = self._source.made_by[part]
            pair = list(maker.input) if maker.op_type == "Mul" else []
            if len(pair) == 2 and pair[0] in matrices and pair[1] in gates:
                matrix = self._gated(matrices.pop(part), read(pair[1]))
                name = f"{matrix}/joined"
                matrices[pair[0]] = self._builder.node("Add", [matrices[pair[0]], matrix], name)
        total = self._bias(node)
        for place, (part, matrix) in enumerate(matrices.items()):
            rows = self._builder.node("Flatten", [read(part)], f"{matrix}/pixels", axis=3)
            name = f"{node.output[0]}/products/{place}"
            total = self._builder.node("Gemm", [rows, matrix, total], name)
        return self._as_map(total, read(parts[0]), len(self._source.constants[node.input[1]]), node)

    def _weight(self, node: onnx.NodeProto) -> Array:
        weight: Array = self._source.constants[node.input[1]][:, :, 0, 0].T
        return weight

    def _matrix(self, node: onnx.NodeProto, weight: Array, suffix: str) -> str:
        name = f"{node.input[1]}/matrix{suffix}"
        return self._builder.constant(name, np.ascontiguousarray(weight))

    def _bias(self, node: onnx.NodeProto) -> str:
        return self._builder.constant(node.input[2], self._source.constants[node.input[2]])

    def _gated(self, matrix: str, gate: str) -> str:
        """Emits a matrix whose rows are multiplied by a gate (1, 1, 1, C)."""
        shape = self._builder.constant("column", np.array([-1, 1], np.int64))
        column = self._builder.node("Reshape", [gate, shape], f"{matrix}/gate")
        return self._builder.node("Mul", [matrix, column], f"{matrix}/gated")

    def _as_map(self, rows: str, like: str, channels: int, node: onnx.NodeProto) -> str:
        """Emits the feature map of a matrix with one row per pixel."""
        name = node.output[0]
        place = self._builder.node("Shape", [like], f"{name}/place", end=3)
        last = self._builder.constant(f"channels/{channels}", np.array([channels], np.int64))
        shape = self._builder.node("Concat", [place, last], f"{name}/shape", axis=0)
        return self._builder.node("Reshape", [rows, shape], name)
