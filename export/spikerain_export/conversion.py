"""From an FP32 model to the precision, target and shape that were asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import onnx

from spikerain_edge.errors import InputError
from spikerain_edge.spec import ModelSpec, Precision
from spikerain_export.artefact import seal
from spikerain_export.opset import OPSET, at_opset
from spikerain_export.origin import Graph, Origin
from spikerain_export.precision import integer_convolutions, output_scales, to_half, to_int8
from spikerain_export.precision.graph import opset_of

Image = npt.NDArray[np.uint8]


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


def convert(origin: Origin, request: Request, images: Sequence[Image] = ()) -> Artefact:
    """Makes the files that were asked for.

    Args:
        origin: the FP32 model.
        request: what to make of it.
        images: rainy images (H, W, 3) uint8 BGR, for the scales of ONNX Runtime's INT8.

    Raises:
        InputError: the request cannot be served.
        ModelError: the graph cannot be rewritten, or would not run in the precision asked for.
    """
    require_convertible(origin, request)
    graph, probe = origin.graph, origin.probe
    if request.precision != "fp32":
        graph, probe = _rewritten(origin, request, images)
    graph = with_shape(graph, request.batch, request.size)
    content, spec = seal(at_opset(graph.model, origin.opset), graph.spec)
    if (request.precision, request.target) == ("int8", "onnxruntime"):
        integer_convolutions(content, spec)
    if probe is None:
        return Artefact(content, None, Graph(graph.model, spec))
    probe = with_shape(probe, request.batch, request.size)
    probed, _ = seal(at_opset(probe.model, origin.opset), probe.spec)
    return Artefact(content, probed, Graph(graph.model, spec))


def require_convertible(origin: Origin, request: Request) -> None:
    """Finds out, before anything is computed, whether a model can become what is asked for.

    Raises:
        InputError: it cannot.
    """
    spec = origin.graph.spec
    if spec.probe:
        raise InputError(
            f"this is the probe graph of {spec.name}, it comes with every export",
            "name the file without .probe",
        )
    if spec.precision != "fp32":
        raise InputError(
            f"this graph of {spec.name} is {spec.precision} already, exports start from fp32",
            "name the FP32 model",
        )
    if spec.batch != 1 or spec.height:
        size = f"{spec.width}x{spec.height}" if spec.height else "any size"
        raise InputError(
            f"this graph of {spec.name} takes {spec.batch} images of {size} only, exports start "
            "from one of one image of free size",
            "name the model that it was made from",
        )
    if request.precision != "fp32" and opset_of(origin.graph.model) != OPSET:
        raise InputError(
            f"this graph of {spec.name} is in operator set {opset_of(origin.graph.model)}, "
            f"{request.precision} is made from {OPSET}",
            "name its checkpoint, with --opset if need be",
        )
    if request.size is None:
        return
    if any(side % spec.stride or side <= 0 for side in request.size):
        height, width = request.size
        raise InputError(
            f"{spec.name} cannot take images of {width}x{height}",
            f"give --imgsz HEIGHT WIDTH in multiples of {spec.stride}",
        )


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


def _rewritten(
    origin: Origin, request: Request, images: Sequence[Image]
) -> tuple[Graph, Graph | None]:
    source, scales = origin.sha256, None
    if (request.precision, request.target) == ("int8", "onnxruntime"):
        scales = output_scales(*_pair(origin.graph), images)

    def rewrite(graph: Graph) -> Graph:
        if request.precision == "fp16":
            return Graph(*to_half(*_pair(graph), source_sha256=source))
        made = to_int8(*_pair(graph), request.target, source_sha256=source, scales=scales)
        return Graph(*made)

    return rewrite(origin.graph), origin.probe and rewrite(origin.probe)


def _pair(graph: Graph) -> tuple[onnx.ModelProto, ModelSpec]:
    return graph.model, graph.spec
