"""The pictures that a model is profiled on, or compared on after its export."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from spikerain_edge.errors import InputError
from spikerain_edge.images import Image
from spikerain_edge.stream.demo import DemoScene
from spikerain_edge.stream.sources import open_source

_DEMO_MOMENTS = (0, 40, 80, 120)
MOST = 8
"""Images that are read from a folder at most: all of them run at every size."""


class ScaledFrames:
    """The same pictures at any size.

    Args:
        folder: folder or glob of images, of which the first few are used; the built-in rainy
            scene where none.

    Attributes:
        note: how many pictures of how many these are.
        paths: the files of the folder.

    Raises:
        SpikeRainError: there are no such images.
    """

    def __init__(self, folder: str | None) -> None:
        self.paths: Sequence[Path] = ()
        if folder is None:
            self._pictures = demo_pictures(_DEMO_MOMENTS)
            self.note = f"Measured on {len(self._pictures)} frames of the built-in rainy scene."
            return
        album = _read(folder, "--images")
        self._pictures, self.paths = album.pictures, album.paths
        self.note = _note(len(album.pictures), album.length, folder)

    def __call__(self, height: int, width: int) -> list[Image]:
        """The pictures cropped to the proportions of a size, then scaled, (H, W, 3) uint8 BGR."""
        return [fit(picture, height, width) for picture in self._pictures]


def demo_pictures(moments: Iterable[int]) -> list[Image]:
    """Frames of the built-in rainy scene.

    Args:
        moments: their numbers.
    """
    scene = DemoScene()
    return [scene.rainy(moment) for moment in moments]


def read_pictures(folder: str, option: str, most: int = MOST) -> list[Image]:
    """The first images of a folder, a glob or a video.

    Args:
        folder: where they are.
        option: which option named it.
        most: how many of them.

    Raises:
        SpikeRainError: it cannot be read, or is a camera.
    """
    return _read(folder, option, most).pictures


@dataclass(frozen=True)
class _Album:
    """The first images of a folder, all the files there, and how many images they hold."""

    pictures: list[Image]
    paths: Sequence[Path]
    length: int | None


def _read(folder: str, option: str, most: int = MOST) -> _Album:
    try:
        source = open_source(folder)
    except InputError as error:
        raise InputError(error.cause, f"name a folder of images with {option}") from error
    try:
        if source.live:
            raise InputError(f"{folder} is a camera", f"name a folder of images with {option}")
        pictures = [frame.image for frame in islice(source, most)]
        if source.missing:
            raise InputError(
                f"{source.missing} of the pictures in {folder} cannot be decoded",
                f"find out which: spikerain-edge run --camera {folder}",
            )
        return _Album(pictures, source.paths, source.length)
    finally:
        source.close()


def _note(used: int, length: int | None, folder: str) -> str:
    if length == used:
        return f"Measured on all {used} images of {folder}."
    there = f" of {length}" if length else ""
    return f"Measured on the first {used}{there} images of {folder}, {MOST} being the most."


def fit(picture: Image, height: int, width: int) -> Image:
    """Crops around the middle, since squeezing rain would change its streaks, and scales."""
    rows, columns = picture.shape[:2]
    kept_rows = min(rows, round(columns * height / width))
    kept_columns = min(columns, round(rows * width / height))
    top, left = (rows - kept_rows) // 2, (columns - kept_columns) // 2
    part = picture[top : top + max(1, kept_rows), left : left + max(1, kept_columns)]
    method = cv2.INTER_AREA if height < part.shape[0] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(part, (width, height), interpolation=method), np.uint8)
