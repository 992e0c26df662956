"""Chooses the details to enlarge: the places where two images differ most."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from spikerain_edge.images import Image


@dataclass(frozen=True)
class Inset:
    """A square part of an image; all values are in pixels."""

    top: int
    left: int
    side: int

    def crop(self, image: Image) -> Image:
        """Returns this part of `image` (H, W, 3), as a view."""
        return image[self.top : self.top + self.side, self.left : self.left + self.side]


def most_changed(first: Image, second: Image, count: int = 2) -> list[Inset]:
    """Returns squares in which two images differ most on average; they do not overlap.

    Args:
        first: (H, W, 3) uint8.
        second: image like `first`.
        count: number of squares; fewer are returned if the image has no room for them.

    Returns:
        Squares from left to right; their side is a fifth of the shorter side of the image.
    """
    height, width = first.shape[:2]
    side = max(1, min(height, width) // 5)
    difference = cv2.absdiff(first, second).astype(np.float64).sum(axis=2)
    # sums[y, x] is the sum over the square whose top left corner is at y, x.
    sums = cv2.boxFilter(difference, -1, (side, side), anchor=(0, 0), normalize=False)
    sums = np.array(sums)[: height - side + 1, : width - side + 1]
    insets: list[Inset] = []
    while len(insets) < count and np.isfinite(sums.max()):
        top, left = (int(index) for index in np.unravel_index(sums.argmax(), sums.shape))
        insets.append(Inset(top, left, side))
        above, beside = (max(0, start - side + 1) for start in (top, left))
        sums[above : top + side, beside : left + side] = -np.inf
    return sorted(insets, key=lambda inset: inset.left)
