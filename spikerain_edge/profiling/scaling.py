"""How cost grows with the image, and how large an image can get."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spikerain_edge.profiling.document import PowerLaw

LEAST_GROWTH = 50_000_000
"""Bytes that frames must add before they are extrapolated: the runtime and the allocator set tens
of megabytes aside once, whatever the size of the image."""


def fit_power_law(pixels: Sequence[float], values: Sequence[float]) -> PowerLaw | None:
    """Fits the law; returns None with fewer than two different sizes.

    Args:
        pixels: image areas.
        values: positive cost of each.
    """
    if len(set(pixels)) < 2:
        return None
    x, y = np.log(pixels), np.log(values)
    exponent, offset = np.polyfit(x, y, 1)
    residual = float(np.sum((y - exponent * x - offset) ** 2))
    spread = float(np.sum((y - y.mean()) ** 2))
    return PowerLaw(float(exponent), 1 - residual / spread if spread else 1.0)


@dataclass(frozen=True)
class MemoryUse:
    """Memory of a process that derains, in bytes.

    Attributes:
        pixels: area of the (padded) image.
        loaded: resident before the first frame.
        peak: largest resident.
    """

    pixels: int
    loaded: int
    peak: int

    @property
    def growth(self) -> int:
        """What frames of this size added to the loaded model."""
        return self.peak - self.loaded


def largest_side(uses: Sequence[MemoryUse], available: int, stride: int) -> int | None:
    """Estimates the side of the largest square image that fits.

    What a frame adds to the loaded model is taken as proportional to its pixels. The factor is that
    of the largest image measured, which is closest to the result.

    Args:
        uses: one per size measured.
        available: bytes that a process can have.
        stride: the side is a multiple of this.

    Returns:
        Pixels; None if nothing was measured, or too little was added to tell.
    """
    use = largest_use(uses)
    if use is None or use.growth < LEAST_GROWTH:
        return None
    side = math.isqrt(max(0, (available - use.loaded) * use.pixels // use.growth))
    return side - side % stride


def largest_use(uses: Sequence[MemoryUse]) -> MemoryUse | None:
    """Returns the memory of the largest image measured; None without one."""
    return max(uses, key=lambda use: use.pixels, default=None)
