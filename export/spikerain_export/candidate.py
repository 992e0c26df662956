"""Converts a model, in memory, into the graph that an export will write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spikerain_export.conversion import Artefact, Graphs, Request, finish, rewrite
from spikerain_export.origin import Origin
from spikerain_export.progress import Progress, show
from spikerain_export.truth import Scene


@dataclass(frozen=True)
class Candidate:
    """A converted model, written only if it passes verification.

    Attributes:
        origin: the FP32 model that was converted.
        request: the requested precision, target and shape.
        full: the FP32 graph, for one image of free size.
        free: the graph in the requested precision, for one image of free size.
        artefact: the graph in the requested precision and shape, which is written.
        scale_images: number of images that chose how it rounds, if it is INT8.
    """

    origin: Origin
    request: Request
    full: Artefact
    free: Artefact
    artefact: Artefact
    scale_images: int = 0


def make(
    origin: Origin,
    request: Request,
    calibration: Sequence[Scene] = (),
    progress: Progress | None = None,
) -> Candidate:
    """Converts a model.

    Args:
        origin: the FP32 model.
        request: precision, target and shape.
        calibration: rainy scenes that choose how INT8 rounds; see `conversion.rewrite`.
        progress: called with each step.

    Raises:
        InputError: the model cannot be converted as requested.
        ModelError: the graph cannot be rewritten, or ONNX Runtime does not run it in the
            requested precision.
    """
    show(progress, f"making the {request.precision} graph")
    graphs = rewrite(origin, request, calibration)
    full = free = artefact = finish(Graphs(origin.graph, origin.probe), origin.opset)
    if request.precision != "fp32":
        free = artefact = finish(graphs, origin.opset)
    if request.batch != 1 or request.size:
        artefact = finish(graphs, origin.opset, request.batch, request.size)
    return Candidate(origin, request, full, free, artefact, len(calibration))
