"""Brings images to a size."""

from __future__ import annotations

import cv2
import numpy as np

from spikerain_edge.images import Image


def crop_and_scale(image: Image, height: int, width: int) -> Image:
    """Crops around the middle to the proportions of a size, then scales to it.

    Squeezing an image without cropping would change the streaks of its rain.

    Args:
        image: (H, W, 3) uint8.
        height: of the result in pixels.
        width: likewise.

    Returns:
        The image (height, width, 3) uint8.
    """
    rows, columns = image.shape[:2]
    kept_rows = min(rows, round(columns * height / width))
    kept_columns = min(columns, round(rows * width / height))
    top, left = (rows - kept_rows) // 2, (columns - kept_columns) // 2
    part = image[top : top + max(1, kept_rows), left : left + max(1, kept_columns)]
    method = cv2.INTER_AREA if height < part.shape[0] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(part, (width, height), interpolation=method), np.uint8)
