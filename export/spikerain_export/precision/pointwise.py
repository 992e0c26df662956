"""Emits 1x1 convolutions for ONNX Runtime as matrix products on features with channels last."""

from __future__ import annotations

from collections.abc import Callable

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
        self._readers = source.readers()
        self._builder = builder

    def joined(self, node: onnx.NodeProto) -> tuple[str, ...]:
        """Returns the features whose concatenation a convolution alone reads, else nothing."""
        maker = self._source.made_by.get(node.input[0])
        if maker is None or maker.op_type != "Concat":
            return ()
        return tuple(maker.input) if len(self._readers[maker.output[0]]) == 1 else ()

    def product(self, node: onnx.NodeProto, read: Read) -> str:
        """Emits a convolution of one feature as a product and a sum."""
        name, matrix = node.output[0], self._matrix(node, self._weight(node), "")
        product = self._builder.node("MatMul", [read(node.input[0]), matrix], f"{name}/product")
        return self._builder.node("Add", [product, self._bias(node)], name)

    def products(self, node: onnx.NodeProto, parts: tuple[str, ...], read: Read) -> str:
        """Emits a convolution of several features without concatenating them.

        Each product is added to the sum of those before it.

        Args:
            node: the convolution.
            parts: the features.
            read: returns a feature map with channels last.
        """
        total, weights = self._bias(node), np.split(self._weight(node), len(parts))
        for place, (part, weight) in enumerate(zip(parts, weights, strict=True)):
            matrix = self._matrix(node, weight, f"/{place}")
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

    def _as_map(self, rows: str, like: str, channels: int, node: onnx.NodeProto) -> str:
        """Emits the feature map of a matrix with one row per pixel."""
        name = node.output[0]
        place = self._builder.node("Shape", [like], f"{name}/place", end=3)
        last = self._builder.constant(f"channels/{channels}", np.array([channels], np.int64))
        shape = self._builder.node("Concat", [place, last], f"{name}/shape", axis=0)
        return self._builder.node("Reshape", [rows, shape], name)
