"""The accuracy that a graph loses against clean images, as a mean with its uncertainty."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from spikerain_edge.images import Image
from spikerain_edge.images.metrics import psnr_luma

# PSNR in dB from which on a picture counts as perfect.
_PERFECT = 100.0
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Scene:
    """A rainy image and what is known of it; all uint8 (H, W, 3) BGR.

    Attributes:
        rainy: the image.
        clean: the same image without rain, if it is known.
        previous: the rainy frame before it, if the image is a frame of a video.
    """

    rainy: Image
    clean: Image | None = None
    previous: Image | None = None

    @property
    def frames(self) -> tuple[Image, ...]:
        """What a network reads: the rainy image, and the frame before it if there is one."""
        return (self.rainy,) if self.previous is None else (self.rainy, self.previous)


@dataclass(frozen=True)
class Loss:
    """Loss of PSNR on MATLAB luma against clean images, in dB; negative values are gains.

    Attributes:
        mean: mean over all scenes.
        low: lower end of the 95 % confidence interval of the mean; minus infinity for one scene.
        high: upper end of the interval; infinity for one scene.
        scenes: number of scenes.
    """

    mean: float
    low: float
    high: float
    scenes: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Loss:
        """Computes the mean of the losses of all scenes, with Student's confidence interval."""
        count, mean = len(values), float(np.mean(values))
        if count == 1:
            return cls(mean, -math.inf, math.inf, count)
        reach = student_quantile(count - 1) * float(np.std(values, ddof=1)) / math.sqrt(count)
        return cls(mean, mean - reach, mean + reach, count)


def psnr_lost(truth: Image, before: Image, after: Image) -> float:
    """Returns PSNR(before) - PSNR(after) on luma, in dB, with each PSNR limited to 100 dB."""
    kept, left = (min(psnr_luma(image, truth), _PERFECT) for image in (before, after))
    return kept - left


def student_quantile(freedom: int) -> float:
    """Returns the two-sided 95 % quantile of Student's t.

    Uses the expansion 26.7.5 of Abramowitz and Stegun, Handbook of Mathematical Functions. It is
    accurate to 0.1 % from 6 degrees of freedom on and too small below.

    Args:
        freedom: degrees of freedom.
    """
    z = NormalDist().inv_cdf(0.5 + _CONFIDENCE / 2)
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return sum(term / freedom**order for order, term in enumerate(terms))
