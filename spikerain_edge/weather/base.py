"""The interface of all kinds of weather, and functions that they share."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from spikerain_edge.images import Image
from spikerain_edge.sizes import Size

Layer = npt.NDArray[np.float32]
Colour = tuple[float, float, float]


class Weather(Protocol):
    """One seeded instance of a kind of weather, for pictures of one size.

    Attributes:
        size: height and width of the pictures in pixels.
    """

    size: Size

    def render(self, image: Image, time: float = 0.0, strength: float = 1.0) -> Image:
        """Renders this weather on a copy of a picture.

        Args:
            image: picture without this weather, uint8 (H, W, 3) BGR, of the size `size`.
            time: time of the picture in frames.
            strength: factor for the strength of the weather; 0 does not change the picture.

        Returns:
            The picture with weather, of the same shape and type.

        Raises:
            ValueError: the picture does not have the size `size`.
        """
        ...


def to_light(image: Image, size: Size) -> Layer:
    """Converts a picture, uint8 (H, W, 3), to float32 in 0 to 1.

    Raises:
        ValueError: the picture does not have the size `size` (height, width).
    """
    if image.shape[:2] != size:
        raise ValueError(f"this weather is for pictures of {size}, not {image.shape[:2]}")
    return image.astype(np.float32) / 255.0


def to_bytes(light: Layer) -> Image:
    """Converts a picture (H, W, 3) in 0 to 1 to uint8; clips and rounds the values."""
    rounded: Image = np.clip(light * 255.0 + 0.5, 0, 255).astype(np.uint8)
    return rounded


def sample_log(rng: np.random.Generator, low: float, high: float) -> float:
    """Draws a number from the log-uniform distribution between `low` and `high`."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def sample_grey(rng: np.random.Generator, low: float, high: float, tint: float) -> Colour:
    """Draws a grey between `low` and `high` and varies its channels by `tint`; BGR, 0 to 1."""
    blue, green, red = np.clip(rng.uniform(low, high) + rng.normal(0, tint, 3), 0, 1).tolist()
    return blue, green, red
