"""From an FP32 model to the precision, target and shape that were asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import onnx

from spikerain_edge.errors import InputError
from spikerain_edge.images import Image
from spikerain_edge.spec import Precision
from spikerain_export.artefact import seal
from spikerain_export.opset import OPSET, at_opset
from spikerain_export.origin import Graph, Origin
from spikerain_export.precision import integer_convolutions, output_scales, to_half, to_int8
from spikerain_export.precision.graph import opset_of

_FULL = "spikerain-edge export nano"


@dataclass(frozen=True)
class Request:
    """What to make of a model.

    Attributes:
        precision: number format of its convolutions.
        target: runtime that an INT8 graph is made for; the others run anywhere.
        batch: images per call.
        size: height and width of the images; free unless given.
    """

    precision: Precision = "fp32"
    target: Literal["onnxruntime", "tensorrt"] = "onnxruntime"
    batch: int = 1
    size: tuple[int, int] | None = None


@dataclass(frozen=True)
class Graphs:
    """A graph and, where there is one, its probe graph."""

    graph: Graph
    probe: Graph | None


@dataclass(frozen=True)
class Artefact:
    """A file in memory, and the same with firing rates.

    Attributes:
        content: the ONNX file.
        probe: its probe graph's file, where there is one.
        graph: what `content` holds.
    """

    content: bytes
    probe: bytes | None
    graph: Graph


def rewrite(origin: Origin, request: Request, images: Sequence[Image] = ()) -> Graphs:
    """The graphs of a model in the precision asked for, of one image of free size still.

    Args:
        origin: the FP32 model.
        request: what to make of it.
        images: rainy images (H, W, 3) uint8 BGR, for the scales of ONNX Runtime's INT8.

    Raises:
        InputError: the request cannot be served.
        ModelError: the graph cannot be rewritten.
    """
    require_convertible(origin, request)
    if request.precision == "fp32":
        return Graphs(origin.graph, origin.probe)
    scales = None
    if (request.precision, request.target) == ("int8", "onnxruntime"):
        scales = output_scales(origin.graph.model, origin.graph.spec, images)

    def rewritten(graph: Graph) -> Graph:
        model, spec, source = graph.model, graph.spec, origin.sha256
        if request.precision == "fp16":
            return Graph(*to_half(model, spec, source_sha256=source))
        made = to_int8(model, spec, request.target, source_sha256=source, scales=scales)
        return Graph(*made)

    return Graphs(rewritten(origin.graph), origin.probe and rewritten(origin.probe))


def finish(
    graphs: Graphs, opset: int, batch: int = 1, size: tuple[int, int] | None = None
) -> Artefact:
    """Puts shape and operator set on graphs and seals them into files.

    Args:
        graphs: what to finish.
        opset: ONNX operator set.
        batch: images per call.
        size: height and width of the images; free unless given.

    Raises:
        ModelError: ONNX Runtime would not run an INT8 graph of its in integers.
    """
    graph = with_shape(graphs.graph, batch, size)
    content, spec = seal(at_opset(graph.model, opset), graph.spec)
    if (spec.precision, spec.target) == ("int8", "onnxruntime"):
        integer_convolutions(content, spec)
    finished = Graph(graph.model, spec)
    if graphs.probe is None:
        return Artefact(content, None, finished)
    probe = with_shape(graphs.probe, batch, size)
    probed, _ = seal(at_opset(probe.model, opset), probe.spec)
    return Artefact(content, probed, finished)


def convert(origin: Origin, request: Request, images: Sequence[Image] = ()) -> Artefact:
    """Makes the files that were asked for; see `rewrite` and `finish`.

    Raises:
        InputError: the request cannot be served.
        ModelError: the graph cannot be rewritten, or would not run in the precision asked for.
    """
    graphs = rewrite(origin, request, images)
    return finish(graphs, origin.opset, request.batch, request.size)


def require_convertible(origin: Origin, request: Request) -> None:
    """Checks, before anything is computed, that a model can become what is asked for.

    Raises:
        InputError: it cannot.
    """
    spec = origin.graph.spec
    if spec.probe:
        raise InputError(
            f"this is the probe graph of {spec.name}, which comes with every export",
            f"export the graph beside it: spikerain-edge export {_without_probe(origin)}",
        )
    if spec.precision != "fp32":
        raise InputError(
            f"this graph of {spec.name} is {spec.precision} already, exports start from fp32",
            f"name the FP32 model that it was made from, as in: {_FULL}",
        )
    if spec.batch != 1 or spec.height:
        size = f"{spec.width}x{spec.height}" if spec.height else "any size"
        raise InputError(
            f"this graph of {spec.name} takes {spec.batch} images of {size} only, exports start "
            "from one of one image of free size",
            f"name the model that it was made from, as in: {_FULL}",
        )
    if request.precision != "fp32" and opset_of(origin.graph.model) != OPSET:
        raise InputError(
            f"this graph of {spec.name} is in operator set {opset_of(origin.graph.model)}, "
            f"{request.precision} is made from {OPSET}",
            "name its checkpoint in place of the file, without --opset",
        )
    if request.size is None:
        return
    if any(side % spec.stride or side <= 0 for side in request.size):
        height, width = request.size
        raise InputError(
            f"{spec.name} cannot take images of {width}x{height}",
            f"give multiples of {spec.stride}, such as --imgsz {_up(width, spec.stride)}x"
            f"{_up(height, spec.stride)}",
        )


def _without_probe(origin: Origin) -> str:
    return str(origin.files[0]).replace(".probe.onnx", ".onnx") if origin.files else "MODEL.onnx"


def with_shape(graph: Graph, batch: int, size: tuple[int, int] | None) -> Graph:
    """A graph of one image of free size, taking `batch` images, of one size where one is given."""
    spec = graph.spec
    height, width = size or (0, 0)
    model = onnx.ModelProto()
    model.CopyFrom(graph.model)
    wanted = (batch, height or None, width or None)
    for value in (*model.graph.input, *model.graph.output):
        if value.name in (spec.image_input, spec.image_output):
            dimensions = value.type.tensor_type.shape.dim
            for dimension, side in zip(dimensions, wanted, strict=False):
                if side:
                    dimension.dim_value = side
    del model.graph.value_info[:]
    return Graph(model, replace(spec, batch=batch, height=height, width=width))


def _up(side: int, stride: int) -> int:
    """The next multiple of a stride, at least one."""
    return max(1, -(-side // stride)) * stride
