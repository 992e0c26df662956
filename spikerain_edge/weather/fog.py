"""Fog: the atmospheric scattering model over a scene that leads away from the camera."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from spikerain_edge.images import Image
from spikerain_edge.sizes import Size
from spikerain_edge.weather.base import Colour, Layer, sample_grey, sample_log, to_bytes, to_light
from spikerain_edge.weather.clouds import Clouds

# The World Meteorological Organization's meteorological optical range is the way after which
# 5 % of the light is left (WMO-No. 8, chapter 9).
_LEFT_AT_VISIBILITY = 0.05


@dataclass(frozen=True)
class FogStyle:
    """What a fog looks like.

    Attributes:
        visibility: meteorological optical range in metres: the way after which 5 % of an
            object's light is left.
        near: distance of what is seen at the bottom of the picture, metres.
        far: distance of what is seen at the top of the picture, metres.
        tilt: lean of lines of equal distance in degrees; positive lowers them on the right.
        patchiness: how much the density varies between banks of fog, 0 to about 1.
        drift: pixels that the banks move to the right from one frame to the next.
        airlight: BGR of the light that the fog scatters to the camera, 0 to 1.
    """

    visibility: float = 120.0
    near: float = 6.0
    far: float = 120.0
    tilt: float = 0.0
    patchiness: float = 0.3
    drift: float = 1.0
    airlight: Colour = (0.86, 0.85, 0.84)


class Fog:
    """One seeded fog over pictures of one size.

    I = J t + A (1 - t) with t = exp(-beta d): of a picture J at a distance d a share t is left,
    the rest is airlight A (Koschmieder 1924; Narasimhan and Nayar, IJCV 2002). As data sets of
    hazy pictures do, it is applied to pixel values, not to linear light.

    Args:
        style: what the fog looks like.
        size: height and width of the pictures in pixels.
        seed: same seed, style and size give the same fog.
    """

    def __init__(self, style: FogStyle, size: Size, seed: int) -> None:
        self.style = style
        self.size = size
        self.depth = _depth(style, size)
        self._clouds = Clouds(np.random.default_rng(seed))

    def transmission(self, time: float = 0.0, strength: float = 1.0) -> Layer:
        """Share of the picture's light that is left, (H, W) float32 above 0, at most 1.

        Args:
            time: moment of the picture, in frames.
            strength: scales the extinction coefficient beta.
        """
        banks = self._clouds(self.size, (self.style.drift * time, 0.0))
        density = np.maximum(0, 1 + self.style.patchiness * banks)
        beta = -math.log(_LEFT_AT_VISIBILITY) / self.style.visibility
        left: Layer = np.exp(-strength * beta * density * self.depth)
        return left

    def render(self, image: Image, time: float = 0.0, strength: float = 1.0) -> Image:
        """`image` (H, W, 3 uint8 BGR) seen through this fog.

        Args:
            image: the clear picture, of the size this fog was made for.
            time: moment of the picture, in frames.
            strength: scales the density of the fog; 0 leaves the picture as it is.

        Raises:
            ValueError: the image has another size.
        """
        clear = to_light(image, self.size)
        left = self.transmission(time, strength)[..., None]
        return to_bytes(clear * left + np.asarray(self.style.airlight, np.float32) * (1 - left))


def _depth(style: FogStyle, size: Size) -> Layer:
    """Distance in metres, rising from the bottom of the picture to its top, (H, W) float32.

    The distance grows by the same factor from row to row. A bare plane in perspective would put
    nearly all of its distance, and with it a hard edge of fog, just below the horizon; what
    stands on it in a real scene spreads that out.
    """
    height, width = size
    tilt = math.radians(style.tilt)
    up = np.arange(height - 1, -1, -1)[:, None] * math.cos(tilt)
    up = up + np.arange(width)[None, :] * math.sin(tilt)
    up = up - up.min()
    way = up / max(1.0, float(up.max()))
    depth: Layer = (style.near * (style.far / style.near) ** way).astype(np.float32)
    return depth


def sample_fog_style(rng: np.random.Generator) -> FogStyle:
    """A random style: a light haze to a fog that leaves 5 % of what is farthest away."""
    near = sample_log(rng, 4, 40)
    far = near * sample_log(rng, 2, 25)
    return FogStyle(
        visibility=far * sample_log(rng, 1, 8),
        near=near,
        far=far,
        tilt=float(rng.normal(0, 6)),
        patchiness=float(rng.uniform(0, 0.6)),
        drift=float(rng.normal(0, 1)),
        airlight=sample_grey(rng, 0.6, 0.97, 0.01),
    )
