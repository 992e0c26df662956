"""The patch that a simulation derains."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from spikerain_edge.errors import InputError
from spikerain_edge.images import Image
from spikerain_edge.images.reading import read_image
from spikerain_edge.sizes import Size
from spikerain_edge.stream.demo import DemoScene


@dataclass(frozen=True)
class Patch:
    """A patch of an image.

    Attributes:
        origin: where it is from, in words.
        rainy: (H, W, 3) uint8 BGR.
        clean: the same without rain, or None if unknown.
    """

    origin: str
    rainy: Image
    clean: Image | None


def cut_patch(image: Path | None, truth: Path | None, size: Size) -> Patch:
    """Returns the middle of an image, or the rainiest patch of the demo's first frame.

    Args:
        image: rainy image; None for the demo.
        truth: the same image without rain; None if it is unknown.
        size: height and width of the patch.

    Raises:
        InputError: an image cannot be read or is smaller than the patch, the two have different
            sizes, or there is a clean one only.
    """
    if image is None:
        if truth is not None:
            raise InputError("--truth needs a rainy image", "name it with --image")
        scene = DemoScene()
        return _rainiest(scene.rainy(0), scene.clean(0), size)
    rainy = read_image(image)
    clean = None if truth is None else read_image(truth)
    if clean is not None and clean.shape != rainy.shape:
        raise InputError(
            f"{image} has {rainy.shape[1]}x{rainy.shape[0]} pixels, but {truth} has "
            f"{clean.shape[1]}x{clean.shape[0]}",
            "give the same picture without rain with --truth",
        )
    if rainy.shape[0] < size[0] or rainy.shape[1] < size[1]:
        raise InputError(
            f"{image} has {rainy.shape[1]}x{rainy.shape[0]} pixels, fewer than the patch "
            f"of {size[1]}x{size[0]}",
            "use a larger image, a smaller --size, or a NIR file of a smaller --imgsz",
        )
    return Patch(
        f"the middle of {image}",
        middle(rainy, size),
        None if clean is None else middle(clean, size),
    )


def _rainiest(rainy: Image, clean: Image, size: Size) -> Patch:
    if rainy.shape[0] < size[0] or rainy.shape[1] < size[1]:
        raise InputError(
            f"the demo has 640x360 pixels, fewer than the patch of {size[1]}x{size[0]}",
            "use a smaller --size, or a NIR file of a smaller --imgsz",
        )
    rain = cv2.absdiff(rainy, clean).sum(axis=2, dtype=np.float64)
    # sums[y, x] is the rain above and to the left of a pixel.
    sums = cv2.integral(rain)
    height, width = size
    inside = sums[height:, width:] - sums[:-height, width:]
    inside -= sums[height:, :-width] - sums[:-height, :-width]
    top, left = np.unravel_index(int(inside.argmax()), inside.shape)
    rows, columns = slice(top, top + height), slice(left, left + width)
    origin = f"{width}x{height} pixels of the demo, at {left}, {top}"
    return Patch(origin, *(np.ascontiguousarray(each[rows, columns]) for each in (rainy, clean)))


def middle(image: Image, size: Size) -> Image:
    """Cuts a patch of `size` (height, width) out of the middle of an image."""
    top, left = ((have - side) // 2 for have, side in zip(image.shape, size, strict=False))
    return np.ascontiguousarray(image[top : top + size[0], left : left + size[1]])
