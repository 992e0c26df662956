"""Proves an export: its pictures, its spikes and its time beside the FP32 model's."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from spikerain_edge.errors import ModelError
from spikerain_edge.images import Image
from spikerain_edge.images.metrics import luma, psnr, psnr_luma, ssim
from spikerain_edge.inference import Derainer
from spikerain_edge.spec import Precision
from spikerain_export.conversion import Artefact
from spikerain_export.spikes import LayerDifference, spike_differences

Derain = Callable[[Image], Image]
ITSELF = "onnx fp32"
"""The reference where there is no network: the FP32 graph, compared with nothing but itself."""


@dataclass(frozen=True)
class Scene:
    """A rainy image (H, W, 3 uint8 BGR) and, where it is known, the same without rain."""

    rainy: Image
    clean: Image | None = None


@dataclass(frozen=True)
class Gate:
    """What an artefact must reach.

    Attributes:
        psnr: least agreement with the reference in dB.
        loss: most PSNR on luma against the truth that it may lose beside its reference, in dB.
    """

    psnr: float
    loss: float


@dataclass(frozen=True)
class LatencySpread:
    """Milliseconds per image of one size: median, least and most of several rounds in turn."""

    median: float
    least: float
    most: float


@dataclass(frozen=True)
class Proof:
    """What was measured of one artefact.

    Attributes:
        precision: number format of its convolutions.
        target: runtime that it was made for.
        size_bytes: of the file.
        psnr: agreement with the reference in dB per image size, over all images together.
        worst: lowest agreement of a single image in dB.
        psnr_loss: PSNR on MATLAB luma against the truth that it loses beside the reference, in dB,
            mean over images; none without truth.
        ssim_loss: the same of SSIM on luma.
        spikes: share of spikes that differ from the FP32 graph's, per neuron layer.
        timing: ONNX Runtime on the CPU.
    """

    precision: str
    target: str
    size_bytes: int
    psnr: dict[str, float]
    worst: float
    psnr_loss: float | None
    ssim_loss: float | None
    spikes: tuple[LayerDifference, ...]
    timing: LatencySpread


def gates() -> dict[Precision, Gate]:
    """What each precision must reach."""
    return {
        "fp32": Gate(psnr=55.0, loss=0.01),
        "fp16": Gate(psnr=40.0, loss=0.05),
        "int8": Gate(psnr=35.0, loss=0.15),
    }


def prove(
    full: Artefact,
    others: Sequence[Artefact],
    sizes: Sequence[Sequence[Scene]],
    network: Derain | None = None,
) -> tuple[Proof, ...]:
    """Measures the FP32 graph and what was made from it, side by side.

    Args:
        full: the FP32 graph of free size.
        others: artefacts of lower precision, of free size too.
        sizes: the same scenes at several sizes; those of one size have one shape.
        network: the PyTorch network, the reference where there is one; else the FP32 graph is.

    Returns:
        A proof per artefact, the FP32 graph's first.

    Raises:
        ModelError: an artefact cannot be run.
    """
    artefacts = [full, *others]
    derainers = [Derainer.from_bytes(artefact.content) for artefact in artefacts]
    try:
        timings = time_in_turn(derainers, sizes[0][0].rainy)
        base = _all(derainers[0], sizes)
        expected = _all(network, sizes) if network else base
        proofs = []
        for artefact, derainer, timing in zip(artefacts, derainers, timings, strict=True):
            made = base if derainer is derainers[0] else _all(derainer, sizes)
            differing = (
                spike_differences(full.graph, artefact.graph, [one.rainy for one in sizes[0]])
                if artefact is not full
                else ()
            )
            proofs.append(_proof(artefact, sizes, expected, made, differing, timing))
        return tuple(proofs)
    finally:
        for derainer in derainers:
            derainer.close()


def require(proof: Proof) -> None:
    """Lets an artefact pass that reaches its gate.

    Raises:
        ModelError: it does not; says by how much.
    """
    gate = gates()[proof.precision]  # type: ignore[index]
    reached = min(proof.psnr.values())
    better = "report this network"
    if proof.precision != "fp32":
        better = "give images of your own camera with --data, stay with fp32"
    advice = f"nothing was written; {better}, or look at it all the same with --no-verify"
    if reached < gate.psnr:
        raise ModelError(
            f"the {proof.precision} graph agrees with its reference to {reached:.1f} dB only, "
            f"{gate.psnr:g} are asked for",
            advice,
        )
    if proof.psnr_loss is not None and proof.psnr_loss > gate.loss:
        raise ModelError(
            f"the {proof.precision} graph loses {proof.psnr_loss:.3f} dB against the truth, "
            f"{gate.loss:g} are allowed",
            advice,
        )


def time_in_turn(
    derainers: Sequence[Derainer], image: Image, rounds: int = 7
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
    pairs = zip(_flat(expected), _flat(made), strict=True)
    truths = [scene.clean for scenes in sizes for scene in scenes]
    losses = [
        (
            _lost(psnr_luma(before, truth), psnr_luma(after, truth)),
            ssim(luma(before), luma(truth)) - ssim(luma(after), luma(truth)),
        )
        for truth, before, after in zip(truths, _flat(expected), _flat(made), strict=True)
        if truth is not None
    ]
    means = np.mean(losses, axis=0).tolist() if losses else [None, None]
    return Proof(
        precision=artefact.graph.spec.precision,
        target=artefact.graph.spec.target,
        size_bytes=len(artefact.content),
        psnr=per_size,
        worst=min(psnr(wanted, actual) for wanted, actual in pairs),
        psnr_loss=means[0],
        ssim_loss=means[1],
        spikes=differing,
        timing=timing,
    )


def _lost(before: float, after: float) -> float:
    """Nothing where both are perfect: infinity less infinity is no number."""
    return 0.0 if before == after else before - after


def _all(derain: Derain, sizes: Sequence[Sequence[Scene]]) -> list[list[Image]]:
    return [[derain(scene.rainy) for scene in scenes] for scenes in sizes]


def _flat(images: Sequence[Sequence[Image]]) -> list[Image]:
    return [image for group in images for image in group]


def _label(image: Image) -> str:
    return f"{image.shape[1]}x{image.shape[0]}"
