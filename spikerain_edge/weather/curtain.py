"""Curtains of rain: broad, soft, translucent bands in several depth layers, with a veil."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import cv2
import numpy as np

from spikerain_edge.images import Image
from spikerain_edge.sizes import Size
from spikerain_edge.weather.base import Colour, Layer, sample_grey, sample_log, to_bytes, to_light
from spikerain_edge.weather.clouds import Bands, Clouds
from spikerain_edge.weather.rain import blend
from spikerain_edge.weather.rain_style import Blend

_FARTHER = 0.6
_GRAIN_WIDTH, _GRAIN_LENGTH = 2.0, 60.0


@dataclass(frozen=True)
class CurtainStyle:
    """Appearance of curtains of rain. Lengths are in pixels of the picture.

    Attributes:
        coverage: share of the picture that bands of each layer cover, above 0 and below 1.
        width: mean width of a band in the nearest layer.
        length: mean length of a band in the nearest layer.
        angle: direction of fall in degrees from the vertical; bands with a positive angle lean
            their lower end to the right.
        softness: width of a band's edge, in standard deviations of the noise that bands are cut
            from; above 0.
        blur: standard deviation of the defocus blur.
        opacity: opacity of a band in the nearest layer, 0 to 1.
        layers: number of depth layers; farther ones have narrower, shorter and fainter bands.
        grain: strength of the fine streaks inside a band, 0 to 1.
        veil: mean opacity of the veil over the whole picture, 0 to 1.
        patchiness: variation of the veil, 0 to about 1.
        blend: how bands are blended with the picture; see `RainStyle`.
        colour: BGR of the rain, 0 to 1.
        fall: distance that bands of the nearest layer fall per frame.
        drift: distance that bands of the nearest layer move to the right per frame.
    """

    coverage: float = 0.3
    width: float = 24.0
    length: float = 300.0
    angle: float = 8.0
    softness: float = 0.7
    blur: float = 1.5
    opacity: float = 0.25
    layers: int = 3
    grain: float = 0.2
    veil: float = 0.08
    patchiness: float = 0.6
    blend: Blend = "alpha"
    colour: Colour = (0.88, 0.88, 0.88)
    fall: float = 40.0
    drift: float = 1.0


class Curtain:
    """One seeded curtain of rain for pictures of one size.

    Args:
        style: appearance of the curtain.
        size: height and width of the pictures in pixels.
        seed: the same seed, style and size give the same curtain.
    """

    def __init__(self, style: CurtainStyle, size: Size, seed: int) -> None:
        self.style = style
        self.size = size
        rng = np.random.default_rng(seed)
        self._layers = []
        for depth in range(style.layers):
            far = _FARTHER**depth
            bands = Bands(rng, style.width * far, style.length * far, style.angle)
            self._layers.append((far, bands))
        self._grain = Bands(rng, _GRAIN_WIDTH, _GRAIN_LENGTH, style.angle)
        self._clouds = Clouds(rng)

    def bands(self, time: float = 0.0) -> Layer:
        """Renders the opacity of the bands at a time in frames, float32 (H, W) in 0 to 1."""
        style = self.style
        threshold = NormalDist().inv_cdf(1 - style.coverage)
        transparency = np.ones(self.size, np.float32)
        for far, noise in self._layers:
            height = noise(self.size, style.fall * far * time, style.drift * far * time)
            rise = np.clip((height - threshold) / (2 * style.softness) + 0.5, 0, 1)
            transparency *= 1 - style.opacity * far**0.5 * rise * rise * (3 - 2 * rise)
        opacity = 1 - transparency
        if style.grain:
            fine = self._grain(self.size, style.fall * time, style.drift * time)
            opacity = np.clip(opacity * (1 + style.grain * fine), 0, 1)
        if style.blur > 0.2:
            opacity = np.asarray(cv2.GaussianBlur(opacity, (0, 0), style.blur), np.float32)
        return opacity

    def veil(self, time: float = 0.0) -> Layer:
        """Renders the opacity of the veil at a time in frames, float32 (H, W) in 0 to 1."""
        clouds = self._clouds(self.size, (self.style.drift * time, 0.0))
        opacity: Layer = np.clip(self.style.veil * (1 + self.style.patchiness * clouds), 0, 1)
        return opacity

    def render(self, image: Image, time: float = 0.0, strength: float = 1.0) -> Image:
        """Renders this curtain on a copy of a picture; see `Weather.render`.

        Raises:
            ValueError: the picture does not have the size `size`.
        """
        picture = to_light(image, self.size)
        colour = np.asarray(self.style.colour, np.float32)
        veiled = np.clip(strength * self.veil(time), 0, 1)[..., None]
        bands = strength * self.bands(time)[..., None]
        return to_bytes(
            blend(blend(picture, veiled, colour, "alpha"), bands, colour, self.style.blend)
        )


def sample_curtain_style(rng: np.random.Generator) -> CurtainStyle:
    """Draws a style, with bands from 5 to 40 pixels wide and from 100 to 800 pixels long."""
    blends: tuple[Blend, ...] = ("alpha", "screen", "additive")
    leaning = rng.random() < 0.9
    return CurtainStyle(
        coverage=float(rng.uniform(0.1, 0.6)),
        width=sample_log(rng, 8, 40),
        length=sample_log(rng, 100, 800),
        angle=float(rng.normal(0, 14) if leaning else rng.uniform(-60, 60)),
        softness=sample_log(rng, 0.15, 1.5),
        blur=float(rng.uniform(0.5, 2.5)),
        opacity=sample_log(rng, 0.08, 0.45),
        layers=int(rng.integers(1, 4)),
        grain=float(rng.uniform(0, 0.5)) if rng.random() < 0.5 else 0.0,
        veil=float(rng.uniform(0.02, 0.25)) if rng.random() < 0.7 else 0.0,
        patchiness=float(rng.uniform(0.2, 1.2)),
        blend=blends[rng.choice(3, p=(0.4, 0.3, 0.3))],
        colour=sample_grey(rng, 0.7, 1.0, 0.015),
        fall=sample_log(rng, 5, 100),
        drift=float(rng.normal(0, 3)),
    )
