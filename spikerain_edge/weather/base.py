"""What every kind of weather shares: its interface, and the way between bytes and light."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from spikerain_edge.images import Image
from spikerain_edge.sizes import Size

Layer = npt.NDArray[np.float32]
Colour = tuple[float, float, float]


class Weather(Protocol):
    """One seeded spell of weather over pictures of one size.

    Attributes:
        size: height and width of the pictures in pixels.
    """

    size: Size

    def render(self, image: Image, time: float = 0.0, strength: float = 1.0) -> Image:
        """`image` (H, W, 3 uint8 BGR) in this weather; the image itself stays as it is.

        Args:
            image: the picture in clear weather, of the size that this weather was made for.
            time: moment of the picture, in frames.
            strength: scales the weather; 0 leaves the picture as it is.

        Raises:
            ValueError: the image has another size.
        """
        ...


def to_light(image: Image, size: Size) -> Layer:
    """A picture (H, W, 3) uint8 as float32 in 0 to 1.

    Raises:
        ValueError: the image does not have `size`.
    """
    if image.shape[:2] != size:
        raise ValueError(f"this weather was made for pictures of {size}, not {image.shape[:2]}")
    return image.astype(np.float32) / 255.0


def to_bytes(light: Layer) -> Image:
    """A picture (H, W, 3) in 0 to 1 as uint8, clipped and rounded."""
    rounded: Image = np.clip(light * 255.0 + 0.5, 0, 255).astype(np.uint8)
    return rounded


def sample_log(rng: np.random.Generator, low: float, high: float) -> float:
    """A random number whose logarithm is uniform between those of `low` and `high`."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def sample_grey(rng: np.random.Generator, low: float, high: float, tint: float) -> Colour:
    """A random grey between `low` and `high`, each channel off by about `tint`; BGR, 0 to 1."""
    blue, green, red = np.clip(rng.uniform(low, high) + rng.normal(0, tint, 3), 0, 1).tolist()
    return blue, green, red
