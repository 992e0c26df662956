"""Measures graphs: their pictures, spikes and latency compared with the FP32 model."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from spikerain_edge.images import Image
from spikerain_edge.images.metrics import luma, psnr, ssim
from spikerain_edge.inference import Derainer
from spikerain_edge.inference.backends import made_for
from spikerain_edge.spec import Precision
from spikerain_export.conversion import Artefact
from spikerain_export.progress import Progress, show
from spikerain_export.spikes import LayerDifference, spike_differences
from spikerain_export.truth import Loss, Scene, psnr_lost

Derain = Callable[..., Image]
"""Derains an image, given the frame before it too if the image is a frame of a video."""
PYTORCH, FULL, ITSELF = "pytorch", "onnx fp32", "itself"
"""Reference of a graph: its PyTorch network, the FP32 graph, or none but itself."""
_ROUNDS = 5


@dataclass(frozen=True)
class LatencySpread:
    """Milliseconds per image of one size: median, minimum and maximum of several rounds."""

    median: float
    least: float
    most: float


@dataclass(frozen=True)
class Proof:
    """Measurements of one graph.

    Attributes:
        precision: number format of its convolutions.
        target: runtime that it was made for.
        size_bytes: size of its file.
        reference: what it was compared with: `pytorch`, `onnx fp32` or `itself`.
        psnr: PSNR against the reference in dB, by image size, over all images of that size.
        worst: lowest PSNR of a single image against the reference, in dB.
        psnr_loss: loss of PSNR against the clean images, compared with the reference; None if no
            clean image is known.
        ssim_loss: mean loss of SSIM on luma against the clean images, compared with the
            reference; None if no clean image is known.
        spikes: share of spikes that differ from the FP32 graph, per neuron layer. Rounding alone
            flips spikes; `psnr_loss` tells what that costs.
        timing: latency on the CPU, with the runtime that it was made for, at the first size.
    """

    precision: Precision
    target: str
    size_bytes: int
    reference: str
    psnr: dict[str, float]
    worst: float
    psnr_loss: Loss | None
    ssim_loss: float | None
    spikes: tuple[LayerDifference, ...]
    timing: LatencySpread


def measure(
    full: Artefact,
    others: Sequence[Artefact],
    sizes: Sequence[Sequence[Scene]],
    network: Derain | None = None,
    progress: Progress | None = None,
) -> tuple[Proof, ...]:
    """Measures the FP32 graph and the graphs that were made from it, side by side.

    Args:
        full: the FP32 graph of free size.
        others: graphs of lower precision and free size, compared with the FP32 graph.
        sizes: scenes grouped by size; all scenes of a group have the same shape.
        network: the PyTorch network to compare the FP32 graph with, or None.
        progress: called with the number of measured graphs.

    Returns:
        One proof per graph, the FP32 graph first.

    Raises:
        ModelError: a graph cannot be run.
        InputError: `progress` cancels.
    """
    artefacts = [full, *others]
    derainers = [
        Derainer.from_bytes(artefact.content, provider=made_for(artefact.graph.spec))
        for artefact in artefacts
    ]
    try:
        timings = time_in_turn(derainers, sizes[0][0])
        base = _all(derainers[0], sizes)
        reference = PYTORCH if network else ITSELF
        expected = _all(network, sizes) if network else base
        proofs = [_proof(full, reference, sizes, expected, base, (), timings[0])]
        for number, artefact in enumerate(others, 1):
            show(progress, "comparing pictures and spikes", number, len(artefacts))
            made = _all(derainers[number], sizes)
            differing = spike_differences(full.graph, artefact.graph, sizes[0])
            proofs.append(_proof(artefact, FULL, sizes, base, made, differing, timings[number]))
        return tuple(proofs)
    finally:
        for derainer in derainers:
            derainer.close()


def time_in_turn(
    derainers: Sequence[Derainer], scene: Scene, rounds: int = _ROUNDS
) -> tuple[LatencySpread, ...]:
    """Measures the latency of each for one scene, alternating so that all share disturbances."""
    taken: list[list[float]] = [[] for _ in derainers]
    for derainer in derainers:
        derainer(*scene.frames)
    for _ in range(rounds):
        for derainer, milliseconds in zip(derainers, taken, strict=True):
            begin = time.perf_counter()
            derainer(*scene.frames)
            milliseconds.append(1000 * (time.perf_counter() - begin))
    return tuple(LatencySpread(statistics.median(each), min(each), max(each)) for each in taken)


def _proof(
    artefact: Artefact,
    reference: str,
    sizes: Sequence[Sequence[Scene]],
    expected: Sequence[Sequence[Image]],
    made: Sequence[Sequence[Image]],
    differing: tuple[LayerDifference, ...],
    timing: LatencySpread,
) -> Proof:
    per_size = {
        _label(scenes[0].rainy): psnr(np.stack(wanted), np.stack(actual))
        for scenes, wanted, actual in zip(sizes, expected, made, strict=True)
    }
    pairs = list(zip(_flat(expected), _flat(made), strict=True))
    truths = [scene.clean for scenes in sizes for scene in scenes]
    known = [(truth, *pair) for truth, pair in zip(truths, pairs, strict=True) if truth is not None]
    ssim_lost = [
        ssim(luma(one), luma(truth)) - ssim(luma(two), luma(truth)) for truth, one, two in known
    ]
    return Proof(
        precision=artefact.graph.spec.precision,
        target=artefact.graph.spec.target,
        size_bytes=len(artefact.content),
        reference=reference,
        psnr=per_size,
        worst=min(psnr(wanted, actual) for wanted, actual in pairs),
        psnr_loss=Loss.of([psnr_lost(*each) for each in known]) if known else None,
        ssim_loss=float(np.mean(ssim_lost)) if known else None,
        spikes=differing,
        timing=timing,
    )


def _all(derain: Derain, sizes: Sequence[Sequence[Scene]]) -> list[list[Image]]:
    return [[derain(*scene.frames) for scene in scenes] for scenes in sizes]


def _flat(images: Sequence[Sequence[Image]]) -> list[Image]:
    return [image for group in images for image in group]


def _label(image: Image) -> str:
    return f"{image.shape[1]}x{image.shape[0]}"
