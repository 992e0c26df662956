"""Kinds of weather by name, for recipes and command lines."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from spikerain_edge.errors import InputError
from spikerain_edge.sizes import Size
from spikerain_edge.weather.base import Weather
from spikerain_edge.weather.fog import Fog, sample_fog_style
from spikerain_edge.weather.rain import Rain
from spikerain_edge.weather.rain_style import (
    sample_downpour_style,
    sample_style,
    sample_wide_style,
)
from spikerain_edge.weather.snow import Snow, sample_snow_style

Sampler = Callable[[Size, np.random.Generator], Weather]


def kinds() -> dict[str, Sampler]:
    """What draws a random spell of each kind of weather over pictures of a size.

    `wide_rain` has streaks of up to 100 pixels and of up to 6 pixels across, where those of
    `rain` end at 80 and 4; `downpour` is dense and hides the picture. Seeded evaluation stands on
    `rain` as it is.
    """
    return {
        "rain": lambda size, rng: Rain(sample_style(rng), size, _seed(rng)),
        "wide_rain": lambda size, rng: Rain(sample_wide_style(rng), size, _seed(rng)),
        "downpour": lambda size, rng: Rain(sample_downpour_style(rng), size, _seed(rng)),
        "fog": lambda size, rng: Fog(sample_fog_style(rng), size, _seed(rng)),
        "snow": lambda size, rng: Snow(sample_snow_style(rng), size, _seed(rng)),
    }


def sample_weather(kind: str, size: Size, rng: np.random.Generator) -> Weather:
    """A random spell of weather over pictures of `size`, height and width in pixels.

    Raises:
        InputError: there is no such kind.
    """
    samplers = kinds()
    if kind not in samplers:
        raise InputError(f"no weather of kind {kind!r}", f"choose from {', '.join(samplers)}")
    return samplers[kind](size, rng)


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31))
