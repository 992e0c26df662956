"""Infers the shape and type of every tensor of a graph without running it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import onnx
from onnx import helper

_TO_FIRST, _TO_LAST = [0, 3, 1, 2], [0, 2, 3, 1]


@dataclass(frozen=True)
class TensorType:
    """Shape and element size of a tensor.

    Attributes:
        shape: its dimensions.
        element_bytes: bytes per element.
    """

    shape: tuple[int, ...]
    element_bytes: int

    @property
    def elements(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """Bytes of all elements."""
        return self.elements * self.element_bytes


def infer_tensors(
    model: onnx.ModelProto, images: Sequence[str], height: int, width: int
) -> dict[str, TensorType]:
    """Returns the types of all tensors of a graph by name, including initializers.

    Args:
        model: a graph of free size.
        images: names of its inputs (1, H, W, 3).
        height: rows of the images, a multiple of the model's stride.
        width: columns of the images, a multiple of the model's stride.

    Raises:
        onnx.shape_inference.InferenceError: the nodes do not fit together.
        ValueError: the shape of a tensor depends on values, so that it cannot be inferred.
    """
    sized = onnx.ModelProto()
    sized.CopyFrom(model)
    graph = sized.graph
    for value in graph.input:
        sides = (1, height, width) if value.name in images else ()
        for dimension, side in zip(value.type.tensor_type.shape.dim, sides, strict=False):
            dimension.dim_value = side
    del graph.value_info[:], graph.node[:]
    graph.node.extend(node for original in model.graph.node for node in _standard(original))
    inferred = onnx.shape_inference.infer_shapes(sized, strict_mode=True, data_prop=True).graph
    tensors = {
        initializer.name: TensorType(tuple(initializer.dims), _bytes(initializer.data_type))
        for initializer in graph.initializer
    }
    for value in (*inferred.input, *inferred.value_info):
        kind = value.type.tensor_type
        dimensions = kind.shape.dim
        if not all(dimension.HasField("dim_value") for dimension in dimensions):
            raise ValueError(f"the shape of {value.name} cannot be inferred")
        shape = tuple(dimension.dim_value for dimension in dimensions)
        tensors[value.name] = TensorType(shape, _bytes(kind.elem_type))
    return tensors


def _standard(node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
    """Yields a node in ONNX's own operators: `onnx` cannot infer the shapes of other operators.

    The only other operators in exported graphs are ONNX Runtime's QLinearConv, channels last, and
    QLinearAdd, whose shape and type are those of a maximum of both inputs.
    """
    if (node.domain, node.op_type) == ("com.microsoft", "QLinearAdd"):
        yield helper.make_node("Max", [node.input[0], node.input[3]], list(node.output))
        return
    if (node.domain, node.op_type) != ("com.microsoft", "QLinearConv"):
        yield node
        return
    read, made = f"{node.name}/read", f"{node.name}/made"
    convolution = onnx.NodeProto()
    convolution.CopyFrom(node)
    convolution.domain = ""
    convolution.input[0], convolution.output[0] = read, made
    kept = [attribute for attribute in node.attribute if attribute.name != "channels_last"]
    del convolution.attribute[:]
    convolution.attribute.extend(kept)
    yield helper.make_node("Transpose", [node.input[0]], [read], perm=_TO_FIRST)
    yield convolution
    yield helper.make_node("Transpose", [made], [node.output[0]], perm=_TO_LAST)


def _bytes(kind: int) -> int:
    return int(helper.tensor_dtype_to_np_dtype(kind).itemsize)
