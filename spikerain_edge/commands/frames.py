"""The pictures that a model is profiled on."""

from __future__ import annotations

from itertools import islice

import cv2
import numpy as np
import numpy.typing as npt

from spikerain_edge.errors import InputError
from spikerain_edge.stream.demo import DemoScene
from spikerain_edge.stream.sources import open_source

Image = npt.NDArray[np.uint8]
_DEMO_MOMENTS = (0, 40, 80, 120)
_MOST = 8


class ScaledFrames:
    """The same pictures at any size.

    Args:
        folder: folder or glob of images; the built-in rainy scene where none.

    Raises:
        SpikeRainError: there are no such images.
    """

    def __init__(self, folder: str | None) -> None:
        self._pictures = _demo() if folder is None else _read(folder)

    def __call__(self, height: int, width: int) -> list[Image]:
        """The pictures cropped to the proportions of a size, then scaled, (H, W, 3) uint8 BGR."""
        return [_fit(picture, height, width) for picture in self._pictures]


def _demo() -> list[Image]:
    scene = DemoScene()
    return [scene.rainy(moment) for moment in _DEMO_MOMENTS]


def _read(folder: str) -> list[Image]:
    source = open_source(folder)
    try:
        if source.live:
            raise InputError(f"{folder} is a camera", "name a folder of images with --images")
        return [frame.image for frame in islice(source, _MOST)]
    finally:
        source.close()


def _fit(picture: Image, height: int, width: int) -> Image:
    """Crops around the middle, since squeezing rain would change its streaks, and scales."""
    rows, columns = picture.shape[:2]
    kept_rows = min(rows, round(columns * height / width))
    kept_columns = min(columns, round(rows * width / height))
    top, left = (rows - kept_rows) // 2, (columns - kept_columns) // 2
    part = picture[top : top + max(1, kept_rows), left : left + max(1, kept_columns)]
    method = cv2.INTER_AREA if height < part.shape[0] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(part, (width, height), interpolation=method), np.uint8)
