"""Reads HEIC images, which phones take, where the extra `heic` is installed."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import numpy.typing as npt

from spikerain_edge.images import Image
from spikerain_edge.images.page import Page


def can_read_heic() -> bool:
    """Whether the extra `heic` is installed."""
    return importlib.util.find_spec("pillow_heif") is not None


def decode_heic(content: bytes) -> list[Page]:
    """The images of a HEIC file, the main one first; none if it cannot be decoded.

    Args:
        content: the whole file. An image of tiles is put together.
    """
    import pillow_heif

    try:
        file = pillow_heif.open_heif(content, convert_hdr_to_8bit=True, bgr_mode=True)
        images = [_converted(image) for image in file]
    except (ValueError, EOFError, SyntaxError, RuntimeError, OSError):
        return []
    main = file.primary_index
    return [*images[main : main + 1], *images[:main], *images[main + 1 :]]


def _converted(stored: Any) -> Page:
    levels: npt.NDArray[np.uint8] = np.asarray(stored, np.uint8)
    if levels.ndim == 2:
        levels = np.dstack([levels] * 3)
    image: Image = np.ascontiguousarray(levels[..., :3])
    opaque = levels.shape[2] < 4 or levels[..., 3].min() == 255
    alpha = None if opaque else np.ascontiguousarray(levels[..., 3])
    return Page(image, alpha, stored.info.get("icc_profile") or None)
