"""Movement of a camera and cuts between scenes, found in small copies of frames."""

from __future__ import annotations

import cv2

from spikerain_edge.images import Image
from spikerain_edge.images.cuts import Plane, grey_copy, is_cut, thumbnail

_WIDTH = 160


def movement(earlier: Image, later: Image) -> tuple[float, float]:
    """Movement of the scene from one frame to the next, pixels (right, down).

    It is found by phase correlation of copies that are 160 pixels wide, in which rain is faint.

    Args:
        earlier: uint8 (H, W, 3) BGR.
        later: the same.
    """
    height, width = earlier.shape[:2]
    scale = max(1.0, width / _WIDTH)
    rows, columns = size = (max(1, round(height / scale)), round(width / scale))
    window = cv2.createHanningWindow((columns, rows), cv2.CV_32F)
    small = grey_copy(earlier, size), grey_copy(later, size)
    (right, down), _ = cv2.phaseCorrelate(*small, window)
    return right * width / columns, down * height / rows


class Scene:
    """What a camera shows, so that a cut to something else is noticed."""

    def __init__(self) -> None:
        self._latest: Plane | None = None
        self._size: tuple[int, ...] = ()
        self._outages = 0

    def continues(self, image: Image, outages: int) -> bool:
        """Whether a frame shows the same scene as the one before; false for the first one.

        Args:
            image: uint8 (H, W, 3) BGR.
            outages: how often the camera has been lost so far.
        """
        before, self._latest = self._latest, thumbnail(image)
        known = before is not None and (image.shape, outages) == (self._size, self._outages)
        self._size, self._outages = image.shape, outages
        return known and before is not None and not is_cut(before, self._latest)
