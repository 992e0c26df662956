"""Scales images to a size."""

from __future__ import annotations

import cv2
import numpy as np

from spikerain_edge.images import Image


def crop_and_scale(image: Image, height: int, width: int) -> Image:
    """Crops an image around its centre to the aspect ratio of a size, then scales it to that size.

    Scaling without the crop would change the shape and angle of rain streaks.

    Args:
        image: uint8 (H, W, 3).
        height: height of the result in pixels.
        width: width of the result in pixels.

    Returns:
        The scaled image, uint8 (height, width, 3).
    """
    rows, columns = image.shape[:2]
    kept_rows = min(rows, round(columns * height / width))
    kept_columns = min(columns, round(rows * width / height))
    top, left = (rows - kept_rows) // 2, (columns - kept_columns) // 2
    part = image[top : top + max(1, kept_rows), left : left + max(1, kept_columns)]
    method = cv2.INTER_AREA if height < part.shape[0] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(part, (width, height), interpolation=method), np.uint8)
