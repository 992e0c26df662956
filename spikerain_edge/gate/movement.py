"""Movement of a camera and cuts between scenes, found in small copies of frames."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from spikerain_edge.images import Image

_Plane = npt.NDArray[np.float32]
_WIDTH = 160
_THUMBNAIL = (16, 9)
# A cut: thumbnails differ by this many levels and correlate by less than this.
_DIFFERENT = 12.0
_ALIKE = 0.5


def movement(earlier: Image, later: Image) -> tuple[float, float]:
    """Movement of the scene from one frame to the next, pixels (right, down).

    It is found by phase correlation of copies that are 160 pixels wide, in which rain is faint.

    Args:
        earlier: uint8 (H, W, 3) BGR.
        later: the same.
    """
    height, width = earlier.shape[:2]
    scale = max(1.0, width / _WIDTH)
    size = (round(width / scale), max(1, round(height / scale)))
    window = cv2.createHanningWindow(size, cv2.CV_32F)
    (right, down), _ = cv2.phaseCorrelate(_small(earlier, size), _small(later, size), window)
    return right * width / size[0], down * height / size[1]


class Scene:
    """What a camera shows, so that a cut to something else is noticed."""

    def __init__(self) -> None:
        self._latest: _Plane | None = None
        self._size: tuple[int, ...] = ()
        self._outages = 0

    def continues(self, image: Image, outages: int) -> bool:
        """Whether a frame shows the same scene as the one before; false for the first one.

        Args:
            image: uint8 (H, W, 3) BGR.
            outages: how often the camera has been lost so far.
        """
        before, self._latest = self._latest, _small(image, _THUMBNAIL)
        known = before is not None and (image.shape, outages) == (self._size, self._outages)
        self._size, self._outages = image.shape, outages
        return known and before is not None and not _is_cut(before, self._latest)


def _is_cut(earlier: _Plane, later: _Plane) -> bool:
    """Whether thumbnails (9, 16) show different scenes; a change of exposure is not a cut."""
    if float(np.abs(earlier - later).mean()) < _DIFFERENT:
        return False
    before, after = earlier - earlier.mean(), later - later.mean()
    norm = float(np.linalg.norm(before) * np.linalg.norm(after))
    return float((before * after).sum()) < _ALIKE * norm or norm == 0.0


def _small(image: Image, size: tuple[int, int]) -> _Plane:
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_BGR2GRAY).astype(np.float32)
