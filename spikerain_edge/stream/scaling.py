"""Scales frames before they are derained."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from spikerain_edge.images import Image
from spikerain_edge.stream.frame import Frame


def scaled(frame: Frame, size: tuple[int, int] | None) -> Frame:
    """A frame scaled to a width and height, its opacity too; the frame itself if it has them.

    Args:
        frame: its image is (H, W, 3) uint8.
        size: width and height in pixels; None leaves the frame as it is.
    """
    if size is None or frame.image.shape[1::-1] == size:
        return frame
    alpha = None if frame.alpha is None else _resized(frame.alpha, size)
    return replace(frame, image=_resized(frame.image, size), alpha=alpha)


def _resized(image: Image, size: tuple[int, int]) -> Image:
    """An image (H, W) or (H, W, 3) scaled to a width and height."""
    method = cv2.INTER_AREA if size[0] < image.shape[1] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, size, interpolation=method), np.uint8)
