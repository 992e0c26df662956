"""What a graph loses against the truth, as a mean with its uncertainty."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from spikerain_edge.images import Image
from spikerain_edge.images.metrics import psnr_luma

# Of two pictures that are nearer to the truth than this, none is the better one.
_PERFECT = 100.0
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Scene:
    """A rainy image (H, W, 3) uint8 BGR and, where it is known, the same without rain."""

    rainy: Image
    clean: Image | None = None


@dataclass(frozen=True)
class Loss:
    """PSNR on MATLAB luma that is lost against the truth, in dB; negative where it is gained.

    Attributes:
        mean: over all scenes.
        low: lower end of the 95 % confidence interval of the mean; minus infinity of one scene.
        high: its upper end.
        scenes: how many there were.
    """

    mean: float
    low: float
    high: float
    scenes: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Loss:
        """The mean of a loss per scene, with Student's confidence interval."""
        count, mean = len(values), float(np.mean(values))
        if count == 1:
            return cls(mean, -math.inf, math.inf, count)
        reach = student_quantile(count - 1) * float(np.std(values, ddof=1)) / math.sqrt(count)
        return cls(mean, mean - reach, mean + reach, count)


def psnr_lost(truth: Image, before: Image, after: Image) -> float:
    """How much PSNR on luma `after` has less than `before`, in dB, up to 100 dB of each."""
    kept, left = (min(psnr_luma(image, truth), _PERFECT) for image in (before, after))
    return kept - left


def student_quantile(freedom: int) -> float:
    """The value that Student's t stays within, on both sides, with 95 % confidence.

    Args:
        freedom: degrees of freedom; the expansion of Abramowitz and Stegun, 26.7.5, is good to
            0.1 % from 6 on and too small below.
    """
    z = NormalDist().inv_cdf(0.5 + _CONFIDENCE / 2)
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return sum(term / freedom**order for order, term in enumerate(terms))
