"""Checks images and pads them to sizes that the network accepts."""

from __future__ import annotations

import numpy as np

from spikerain_edge.errors import InputError
from spikerain_edge.images import Image
from spikerain_edge.sizes import MIN_SIDE, Size


def require_image(image: Image) -> None:
    """Checks that an image can be derained.

    Raises:
        InputError: its type, shape or size is not supported.
    """
    if not isinstance(image, np.ndarray):
        raise InputError(
            f"expected an image uint8 (H, W, 3) BGR, got {type(image).__name__}",
            "check that the image file exists: cv2.imread returns None if it cannot read one",
        )
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise InputError(
            f"expected an image uint8 (H, W, 3) BGR, got {image.dtype} {image.shape}",
            "read it with cv2.imread(path, cv2.IMREAD_COLOR)",
        )
    height, width = image.shape[:2]
    if min(height, width) < MIN_SIDE:
        raise InputError(
            f"the image is {width}x{height}, but the smallest valid size is {MIN_SIDE}x{MIN_SIDE}",
            "scale it up: spikerain-edge run --imgsz WxH",
        )


def padded_size(size: Size, stride: int) -> Size:
    """Height and width of an image after padding to multiples of the stride."""
    height, width = size
    return height + -height % stride, width + -width % stride


def pad(image: Image, size: Size) -> Image:
    """Pads an image by reflection on the right and at the bottom.

    Args:
        image: uint8 (H, W, 3).
        size: height and width to reach.
    """
    below, beside = (side - have for side, have in zip(size, image.shape, strict=False))
    if not below and not beside:
        return image
    return np.pad(image, ((0, below), (0, beside), (0, 0)), mode="reflect")
