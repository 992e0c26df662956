"""Turns images into the planes of brightness and colour that videos store."""

from __future__ import annotations

import cv2
import numpy as np

from spikerain_edge.images import Image

# Levels of video for levels of 0 to 255: 16 to 235 for brightness, 16 to 240 for both colours.
_LEVELS = np.arange(256)
_COLOUR = np.rint(128 + (_LEVELS - 128) * 224 / 255).astype(np.uint8)
_LIMITED = (np.rint(16 + _LEVELS * 219 / 255).astype(np.uint8), _COLOUR, _COLOUR)


def to_planes(image: Image, *, full: bool) -> Image:
    """Brightness in full and colour in half resolution, by the formula of BT.601.

    FFmpeg's own conversion rounds down, which darkens a picture by a level or two.

    Args:
        image: uint8 (H, W, 3) BGR. The last row or column of an odd side is repeated.
        full: whether levels reach from 0 to 255, as in JPEG.

    Returns:
        The planes Y, Cb and Cr one after the other, uint8 (H * 3 / 2, W).
    """
    rows, columns = image.shape[0] % 2, image.shape[1] % 2
    even = cv2.copyMakeBorder(image, 0, rows, 0, columns, cv2.BORDER_REPLICATE)
    luma, red, blue = cv2.split(cv2.cvtColor(even, cv2.COLOR_BGR2YCrCb))
    height, width = luma.shape
    half = (width // 2, height // 2)
    colours = [cv2.resize(plane, half, interpolation=cv2.INTER_AREA) for plane in (blue, red)]
    planes = [luma, *colours]
    if not full:
        planes = [cv2.LUT(plane, table) for plane, table in zip(planes, _LIMITED, strict=True)]
    packed = np.concatenate([np.asarray(plane, np.uint8).ravel() for plane in planes])
    return packed.reshape(height * 3 // 2, width)
