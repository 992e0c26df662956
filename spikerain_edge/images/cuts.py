"""Cuts between scenes, found in small copies of frames."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from spikerain_edge.images import Image
from spikerain_edge.sizes import Size

Plane = npt.NDArray[np.float32]
_THUMBNAIL = (9, 16)
# A cut: thumbnails differ by this many levels and correlate by less than this.
_DIFFERENT = 12.0
_ALIKE = 0.5


def thumbnail(image: Image) -> Plane:
    """Returns a grey copy of a frame (H, W, 3) uint8 BGR, float32 (9, 16) in levels."""
    return grey_copy(image, _THUMBNAIL)


def is_cut(earlier: Plane, later: Plane) -> bool:
    """Whether thumbnails show different scenes; a change of exposure is not a cut."""
    if float(np.abs(earlier - later).mean()) < _DIFFERENT:
        return False
    before, after = earlier - earlier.mean(), later - later.mean()
    norm = float(np.linalg.norm(before) * np.linalg.norm(after))
    return float((before * after).sum()) < _ALIKE * norm or norm == 0.0


def are_copies(earlier: Image, later: Image) -> bool:
    """Whether frames (H, W, 3) are copies, as some cameras send them; looks at some pixels."""
    return np.array_equal(earlier[::8, ::8], later[::8, ::8])


def grey_copy(image: Image, size: Size) -> Plane:
    """Returns a grey copy, float32 (height, width) in levels, of a frame (H, W, 3) uint8 BGR."""
    small = cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_BGR2GRAY).astype(np.float32)
