"""Rain with mist: drops too far to be seen one by one scatter light like fog."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spikerain_edge.images import Image
from spikerain_edge.sizes import Size
from spikerain_edge.weather.base import sample_grey, sample_log
from spikerain_edge.weather.fog import Fog, FogStyle
from spikerain_edge.weather.rain import Rain
from spikerain_edge.weather.rain_style import RainStyle, sample_style

_SEED_OF_FAR_RAIN = 1


class MistyRain:
    """One seeded shower with the mist that its own distant drops form, for pictures of one size.

    Far streaks lie behind the mist and fade with the transmission; near streaks lie in front of
    it. Rain accumulation is modelled as in Yang et al., CVPR 2017: streaks, transmission and
    airlight.

    Args:
        near: appearance of the streaks in front of the mist.
        far: appearance of the streaks behind it.
        mist: appearance of the mist.
        size: height and width of the pictures in pixels.
        seed: the same seed, styles and size give the same shower.
    """

    def __init__(
        self, near: RainStyle, far: RainStyle, mist: FogStyle, size: Size, seed: int
    ) -> None:
        self.size = size
        self.near = Rain(near, size, seed)
        self.far = Rain(far, size, seed + _SEED_OF_FAR_RAIN)
        self.mist = Fog(mist, size, seed)

    def render(self, image: Image, time: float = 0.0, strength: float = 1.0) -> Image:
        """Renders this shower on a copy of a picture; see `Weather.render`.

        Raises:
            ValueError: the picture does not have the size `size`.
        """
        picture = self.far.render(image, time, strength)
        picture = self.mist.render(picture, time, strength)
        return self.near.render(picture, time, strength)


def sample_misty_rain(rng: np.random.Generator, size: Size, seed: int) -> MistyRain:
    """Draws near and far streaks and mist, which share one airlight and one direction of fall.

    At least 18 % of the farthest light passes the densest mist before patches are added.
    """
    airlight = sample_grey(rng, 0.6, 0.97, 0.01)
    near = replace(
        sample_style(rng), coverage=sample_log(rng, 0.015, 0.2), mist=0.0, colour=airlight
    )
    shrink = float(rng.uniform(0.3, 0.6))
    far = replace(
        near,
        coverage=sample_log(rng, 0.05, 0.4),
        length=max(2.0, near.length * shrink),
        width=max(0.6, near.width * shrink),
        brightness=near.brightness * 0.7,
    )
    nearest = sample_log(rng, 4, 40)
    farthest = nearest * sample_log(rng, 2, 25)
    mist = FogStyle(
        visibility=farthest * sample_log(rng, 1.8, 12),
        near=nearest,
        far=farthest,
        tilt=float(rng.normal(0, 6)),
        patchiness=float(rng.uniform(0, 0.6)),
        drift=float(rng.normal(0, 1)),
        airlight=airlight,
    )
    return MistyRain(near, far, mist, size, seed)
