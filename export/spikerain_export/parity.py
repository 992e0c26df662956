"""Compares an exported graph with the PyTorch network it came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikerain_edge.errors import ModelError
from spikerain_edge.inference import Derainer
from spikerain_training.metrics import psnr
from spikerain_training.network import SpikeRain
from spikerain_training.restore import restore

Image = npt.NDArray[np.uint8]
FP32_GATE = 50.0


@dataclass(frozen=True)
class Parity:
    """Agreement of two implementations over some images.

    Attributes:
        psnr: PSNR over all images together in dB on 8-bit BGR; infinite where they are equal.
        worst: lowest PSNR of a single image in dB.
        largest: largest difference of a pixel value.
        images: number of images.
    """

    psnr: float
    worst: float
    largest: int
    images: int


def compare(network: SpikeRain, derainer: Derainer, images: Sequence[Image]) -> Parity:
    """Runs network, graph and probe graph on every image (H, W, 3 uint8 BGR).

    Raises:
        ModelError: the probe graph's picture is not that of the graph, which it stands in for.
    """
    expected = [restore(network, image) for image in images]
    actual = [derainer(image) for image in images]
    for image, derained in zip(images, actual, strict=True):
        if not np.array_equal(derainer.derain_and_probe(image)[0], derained):
            raise ModelError("the probe graph makes another picture than the graph")
    flat = [np.concatenate([image.reshape(-1) for image in side]) for side in (expected, actual)]
    return Parity(
        psnr=psnr(flat[0], flat[1]),
        worst=min(psnr(one, other) for one, other in zip(expected, actual, strict=True)),
        largest=int(np.abs(flat[0].astype(np.int16) - flat[1]).max()),
        images=len(images),
    )


def require(parity: Parity, gate: float) -> None:
    """Lets a graph pass that agrees with its network to at least `gate` dB.

    Raises:
        ModelError: it does not.
    """
    if parity.psnr < gate:
        raise ModelError(
            f"the exported graph agrees with PyTorch to {parity.psnr:.1f} dB only, {gate:g} are "
            f"asked for (largest difference {parity.largest} of 255)",
            "nothing was written; check that the checkpoint is trained, or report this network",
        )
