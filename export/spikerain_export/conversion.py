"""Converts an FP32 model to the requested precision, target and shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import onnx

from spikerain_edge.errors import InputError
from spikerain_edge.spec import Precision
from spikerain_export.artefact import seal
from spikerain_export.opset import OPSET, at_opset
from spikerain_export.origin import Graph, Origin
from spikerain_export.precision import (
    Int8Target,
    integer_convolutions,
    output_scales,
    require_openvino_integers,
    rounded_weights,
    to_half,
    to_int8,
    with_constants,
)
from spikerain_export.precision.graph import Array, opset_of
from spikerain_export.truth import Scene

_FULL = "spikerain-edge export nano"


@dataclass(frozen=True)
class Request:
    """The requested precision, target and shape.

    Attributes:
        precision: number format of the convolutions.
        target: runtime of an INT8 graph; graphs of other precisions run on all.
        batch: images per call.
        size: height and width of the images; None for any size.
    """

    precision: Precision = "fp32"
    target: Int8Target = "onnxruntime"
    batch: int = 1
    size: tuple[int, int] | None = None


@dataclass(frozen=True)
class Graphs:
    """A graph and its probe graph, if there is one."""

    graph: Graph
    probe: Graph | None


@dataclass(frozen=True)
class Artefact:
    """An ONNX file and its probe graph's file, in memory.

    Attributes:
        content: the ONNX file.
        probe: the file of its probe graph, or None.
        graph: the graph in `content`.
    """

    content: bytes
    probe: bytes | None
    graph: Graph


def rewrite(origin: Origin, request: Request, scenes: Sequence[Scene] = ()) -> Graphs:
    """Returns the graphs of a model in the requested precision, for one image of free size.

    Args:
        origin: the FP32 model.
        request: the requested precision and target.
        scenes: rainy scenes that choose how INT8 is rounded. Without them, weights of a trained
            model are rounded to the nearest level, as those of untrained models always are.

    Raises:
        InputError: the model cannot be converted as requested.
        ModelError: the graph cannot be rewritten.
    """
    require_convertible(origin, request)
    if request.precision == "fp32":
        return Graphs(origin.graph, origin.probe)
    if request.precision == "int8":
        return _in_int8(origin, request.target, scenes)

    def halved(graph: Graph) -> Graph:
        return Graph(*to_half(graph.model, graph.spec, source_sha256=origin.sha256))

    return Graphs(halved(origin.graph), origin.probe and halved(origin.probe))


def reads_scenes(origin: Origin, request: Request) -> bool:
    """Whether scenes choose how a model is rounded; the weights of untrained ones never are."""
    rounded = origin.trained or request.target == "onnxruntime"
    return request.precision == "int8" and rounded


def _in_int8(origin: Origin, target: Int8Target, scenes: Sequence[Scene]) -> Graphs:
    model, spec = origin.graph.model, origin.graph.spec
    weights: dict[str, Array] = {}
    # What an untrained network loses says nothing, and its many layers would take minutes.
    if origin.trained:
        weights = rounded_weights(model, spec, scenes, target)
    scales = None
    if target == "onnxruntime":
        scales = output_scales(with_constants(model, weights), spec, scenes)

    def rewritten(graph: Graph) -> Graph:
        rounded = with_constants(graph.model, weights)
        made = to_int8(rounded, graph.spec, target, source_sha256=origin.sha256, scales=scales)
        return Graph(*made)

    return Graphs(rewritten(origin.graph), origin.probe and rewritten(origin.probe))


def finish(
    graphs: Graphs, opset: int, batch: int = 1, size: tuple[int, int] | None = None
) -> Artefact:
    """Sets the shape and operator set of graphs and packs them into files.

    Args:
        graphs: the graphs to pack.
        opset: ONNX operator set.
        batch: images per call.
        size: height and width of the images; None for any size.

    Raises:
        InputError: an INT8 graph is made for OpenVINO, which is not installed.
        ModelError: the runtime of an INT8 graph does not run it in integers.
    """
    graph = with_shape(graphs.graph, batch, size)
    content, spec = seal(at_opset(graph.model, opset), graph.spec)
    if (spec.precision, spec.target) == ("int8", "onnxruntime"):
        integer_convolutions(content, spec)
    if (spec.precision, spec.target) == ("int8", "openvino"):
        require_openvino_integers(content, spec)
    finished = Graph(graph.model, spec)
    if graphs.probe is None:
        return Artefact(content, None, finished)
    probe = with_shape(graphs.probe, batch, size)
    probed, _ = seal(at_opset(probe.model, opset), probe.spec)
    return Artefact(content, probed, finished)


def convert(origin: Origin, request: Request, scenes: Sequence[Scene] = ()) -> Artefact:
    """Converts a model into files; see `rewrite` and `finish`.

    Raises:
        InputError: the model cannot be converted as requested.
        ModelError: the graph cannot be rewritten, or ONNX Runtime does not run it in the
            requested precision.
    """
    graphs = rewrite(origin, request, scenes)
    return finish(graphs, origin.opset, request.batch, request.size)


def require_convertible(origin: Origin, request: Request) -> None:
    """Checks, before any computation, that a model can be converted as requested.

    Raises:
        InputError: the model cannot be converted as requested.
    """
    spec = origin.graph.spec
    if spec.probe:
        raise InputError(
            f"this is the probe graph of {spec.name}; an export starts from the graph itself",
            f"export the graph beside it: spikerain-edge export {_without_probe(origin)}",
        )
    if spec.precision != "fp32":
        raise InputError(
            f"this graph of {spec.name} is already {spec.precision}; an export starts from fp32",
            f"export the FP32 model that it was made from, for example: {_FULL}",
        )
    if spec.batch != 1 or spec.height:
        size = f"{spec.width}x{spec.height}" if spec.height else "any size"
        raise InputError(
            f"this graph of {spec.name} only takes {spec.batch} images of {size}; an export starts "
            "from a graph for one image of any size",
            f"export the model that it was made from, for example: {_FULL}",
        )
    if request.precision != "fp32" and opset_of(origin.graph.model) != OPSET:
        raise InputError(
            f"this graph of {spec.name} has ONNX operator set {opset_of(origin.graph.model)}; "
            f"{request.precision} is made from operator set {OPSET}",
            "export its checkpoint folder instead of this file, without --opset",
        )
    if request.size is None:
        return
    if any(side % spec.stride or side <= 0 for side in request.size):
        height, width = request.size
        raise InputError(
            f"{spec.name} cannot take images of {width}x{height}",
            f"use multiples of {spec.stride}: --imgsz {_up(width, spec.stride)}x"
            f"{_up(height, spec.stride)}",
        )


def _without_probe(origin: Origin) -> str:
    return str(origin.files[0]).replace(".probe.onnx", ".onnx") if origin.files else "MODEL.onnx"


def with_shape(graph: Graph, batch: int, size: tuple[int, int] | None) -> Graph:
    """Returns a copy of a graph for one image of free size that takes `batch` images of `size`."""
    spec = graph.spec
    height, width = size or (0, 0)
    model = onnx.ModelProto()
    model.CopyFrom(graph.model)
    wanted = (batch, height or None, width or None)
    for value in (*model.graph.input, *model.graph.output):
        if value.name in (*spec.image_inputs, spec.image_output):
            dimensions = value.type.tensor_type.shape.dim
            for dimension, side in zip(dimensions, wanted, strict=False):
                if side:
                    dimension.dim_value = side
    del model.graph.value_info[:]
    return Graph(model, replace(spec, batch=batch, height=height, width=width))


def _up(side: int, stride: int) -> int:
    """Rounds a side up to a multiple of the stride, at least one stride."""
    return max(1, -(-side // stride)) * stride
