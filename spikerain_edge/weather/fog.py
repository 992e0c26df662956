"""Fog: the atmospheric scattering model for a scene whose distance grows up the picture."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from spikerain_edge.images import Image
from spikerain_edge.sizes import Size
from spikerain_edge.weather.base import Colour, Layer, sample_grey, sample_log, to_bytes, to_light
from spikerain_edge.weather.clouds import Clouds

# The meteorological optical range is the distance after which 5 % of the light remains (World
# Meteorological Organization, WMO-No. 8, chapter 9).
_TRANSMISSION_AT_VISIBILITY = 0.05


@dataclass(frozen=True)
class FogStyle:
    """Appearance of a fog.

    Attributes:
        visibility: meteorological optical range in metres: the distance after which 5 % of the
            light of an object remains.
        near: distance of the scene at the bottom of the picture in metres.
        far: distance of the scene at the top of the picture in metres.
        tilt: tilt of lines of equal distance in degrees; positive values lower the right side.
        patchiness: variation of the density between banks of fog, 0 to about 1.
        drift: movement of the banks to the right in pixels per frame.
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
    """One seeded fog for pictures of one size.

    I = J t + A (1 - t) with t = exp(-beta d), where J is the clear picture, d the distance, t the
    transmission and A the airlight (Koschmieder 1924; Narasimhan and Nayar, IJCV 2002). The formula
    is applied to pixel values and not to linear light, as in data sets of hazy pictures.

    Args:
        style: appearance of the fog.
        size: height and width of the pictures in pixels.
        seed: the same seed, style and size give the same fog.
    """

    def __init__(self, style: FogStyle, size: Size, seed: int) -> None:
        self.style = style
        self.size = size
        self.depth = _depth(style, size)
        self._clouds = Clouds(np.random.default_rng(seed))

    def transmission(self, time: float = 0.0, strength: float = 1.0) -> Layer:
        """Computes the share of the scene's light that passes the fog.

        Args:
            time: time of the picture in frames.
            strength: factor for the extinction coefficient beta.

        Returns:
            float32 (H, W), above 0 and at most 1.
        """
        banks = self._clouds(self.size, (self.style.drift * time, 0.0))
        density = np.maximum(0, 1 + self.style.patchiness * banks)
        beta = -math.log(_TRANSMISSION_AT_VISIBILITY) / self.style.visibility
        transmission: Layer = np.exp(-strength * beta * density * self.depth)
        return transmission

    def render(self, image: Image, time: float = 0.0, strength: float = 1.0) -> Image:
        """Renders this fog on a copy of a picture; see `Weather.render`.

        Raises:
            ValueError: the picture does not have the size `size`.
        """
        clear = to_light(image, self.size)
        share = self.transmission(time, strength)[..., None]
        return to_bytes(clear * share + np.asarray(self.style.airlight, np.float32) * (1 - share))


def _depth(style: FogStyle, size: Size) -> Layer:
    """Computes the distance of the scene in metres, float32 (H, W).

    The distance grows by a constant factor from row to row, from bottom to top. On an empty plane
    in perspective, nearly all of the distance, and so a hard edge of fog, would be just below the
    horizon; objects in a real scene soften this edge.
    """
    height, width = size
    tilt = math.radians(style.tilt)
    up = np.arange(height - 1, -1, -1)[:, None] * math.cos(tilt)
    up = up + np.arange(width)[None, :] * math.sin(tilt)
    up = up - up.min()
    fraction = up / max(1.0, float(up.max()))
    depth: Layer = (style.near * (style.far / style.near) ** fraction).astype(np.float32)
    return depth


def sample_fog_style(rng: np.random.Generator) -> FogStyle:
    """Draws a style, from light haze to fog in which 5 % of the farthest light remains."""
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
