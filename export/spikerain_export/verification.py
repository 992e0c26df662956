"""Measures graphs: their pictures, their spikes and their time beside the FP32 model's."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from spikerain_edge.images import Image
from spikerain_edge.images.metrics import luma, psnr, ssim
from spikerain_edge.inference import Derainer
from spikerain_edge.spec import Precision
from spikerain_export.conversion import Artefact
from spikerain_export.progress import Progress, show
from spikerain_export.spikes import LayerDifference, spike_differences
from spikerain_export.truth import Loss, Scene, psnr_lost

Derain = Callable[[Image], Image]
PYTORCH, FULL, ITSELF = "pytorch", "onnx fp32", "itself"
"""What a graph was compared with: its network, the FP32 graph, or nothing else."""
_ROUNDS = 5


@dataclass(frozen=True)
class LatencySpread:
    """Milliseconds per image of one size: median, least and most of several rounds in turn."""

    median: float
    least: float
    most: float


@dataclass(frozen=True)
class Proof:
    """What was measured of one graph.

    Attributes:
        precision: number format of its convolutions.
        target: runtime that it was made for.
        size_bytes: of the file.
        reference: what it was compared with: `pytorch`, `onnx fp32` or `itself`.
        psnr: agreement with the reference in dB per image size, over all images together.
        worst: lowest agreement of a single image in dB.
        psnr_loss: what it loses against the truth beside the reference; none without truth.
        ssim_loss: the same of SSIM on luma, mean over images.
        spikes: share of spikes that differ from the FP32 graph's, per neuron layer. They hang on
            rounding: what it costs is told by the loss.
        timing: ONNX Runtime on the CPU, at the first of the sizes.
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
    """Measures the FP32 graph and what was made from it, side by side.

    Args:
        full: the FP32 graph of free size.
        others: graphs of lower precision, of free size too, compared with the FP32 graph.
        sizes: scenes at several sizes; those of one size have one shape.
        network: the PyTorch network to compare the FP32 graph with, where there is one.
        progress: told how many graphs have run.

    Returns:
        A proof per graph, the FP32 graph's first.

    Raises:
        ModelError: a graph cannot be run.
        InputError: `progress` cancels.
    """
    artefacts = [full, *others]
    derainers = [Derainer.from_bytes(artefact.content) for artefact in artefacts]
    try:
        timings = time_in_turn(derainers, sizes[0][0].rainy)
        base = _all(derainers[0], sizes)
        reference = PYTORCH if network else ITSELF
        expected = _all(network, sizes) if network else base
        proofs = [_proof(full, reference, sizes, expected, base, (), timings[0])]
        images = [scene.rainy for scene in sizes[0]]
        for number, artefact in enumerate(others, 1):
            show(progress, "comparing pictures and spikes", number, len(artefacts))
            made = _all(derainers[number], sizes)
            differing = spike_differences(full.graph, artefact.graph, images)
            proofs.append(_proof(artefact, FULL, sizes, base, made, differing, timings[number]))
        return tuple(proofs)
    finally:
        for derainer in derainers:
            derainer.close()


def time_in_turn(
    derainers: Sequence[Derainer], image: Image, rounds: int = _ROUNDS
) -> tuple[LatencySpread, ...]:
    """How long each takes for one image, measured in turn so that all meet the same machine."""
    taken: list[list[float]] = [[] for _ in derainers]
    for derainer in derainers:
        derainer(image)
    for _ in range(rounds):
        for derainer, milliseconds in zip(derainers, taken, strict=True):
            begin = time.perf_counter()
            derainer(image)
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
    return [[derain(scene.rainy) for scene in scenes] for scenes in sizes]


def _flat(images: Sequence[Sequence[Image]]) -> list[Image]:
    return [image for group in images for image in group]


def _label(image: Image) -> str:
    return f"{image.shape[1]}x{image.shape[0]}"
