"""Makes, in memory, what an export is to write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spikerain_edge.images import Image
from spikerain_export.conversion import Artefact, Graphs, Request, finish, rewrite
from spikerain_export.origin import Origin
from spikerain_export.progress import Progress, show


@dataclass(frozen=True)
class Candidate:
    """What is written if it is proven.

    Attributes:
        origin: the FP32 model that it is made from.
        request: what was asked for.
        full: the FP32 graph, of one image of free size.
        free: the graph in the precision asked for, likewise.
        artefact: the same in the shape asked for: what is written.
        scale_images: how many images its scales were chosen on.
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
    calibration: Sequence[Image] = (),
    progress: Progress | None = None,
) -> Candidate:
    """Converts a model.

    Args:
        origin: the FP32 model.
        request: precision, target and shape.
        calibration: rainy images (H, W, 3) uint8 BGR to choose the scales of ONNX Runtime's INT8
            by; no others need them.
        progress: told what is being done.

    Raises:
        InputError: the request cannot be served.
        ModelError: the graph cannot be rewritten, or would not run in the precision asked for.
    """
    show(progress, f"making the {request.precision} graph")
    graphs = rewrite(origin, request, calibration)
    full = free = artefact = finish(Graphs(origin.graph, origin.probe), origin.opset)
    if request.precision != "fp32":
        free = artefact = finish(graphs, origin.opset)
    if request.batch != 1 or request.size:
        artefact = finish(graphs, origin.opset, request.batch, request.size)
    return Candidate(origin, request, full, free, artefact, len(calibration))
