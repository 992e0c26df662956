"""Kinds of weather by name, for recipes and commands."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from spikerain_edge.errors import InputError
from spikerain_edge.sizes import Size
from spikerain_edge.weather.base import Weather
from spikerain_edge.weather.curtain import Curtain, sample_curtain_style
from spikerain_edge.weather.fog import Fog, sample_fog_style
from spikerain_edge.weather.misty_rain import sample_misty_rain
from spikerain_edge.weather.rain import Rain
from spikerain_edge.weather.rain_style import (
    sample_defocused_style,
    sample_downpour_style,
    sample_style,
    sample_wide_style,
)
from spikerain_edge.weather.snow import Snow, sample_snow_style

Sampler = Callable[[Size, np.random.Generator], Weather]


def kinds() -> dict[str, Sampler]:
    """Returns the sampler of each kind of weather, which draws a random instance for a size.

    Streaks of `rain` have lengths up to 80 and widths up to 4 pixels, those of `wide_rain` up to
    100 and 6 pixels. `downpour` is dense and hides much of the picture. Drops and streaks of
    `defocused_rain` are near the lens and out of focus. `misty_rain` has streaks before and behind
    a mist that grows with distance. A `curtain` has soft bands up to 40 pixels wide, and a veil.

    Seeded evaluation depends on `rain`, `snow`, `fog` and `curtain`, which must not change.
    """
    return {
        "rain": lambda size, rng: Rain(sample_style(rng), size, _seed(rng)),
        "wide_rain": lambda size, rng: Rain(sample_wide_style(rng), size, _seed(rng)),
        "downpour": lambda size, rng: Rain(sample_downpour_style(rng), size, _seed(rng)),
        "defocused_rain": lambda size, rng: Rain(sample_defocused_style(rng), size, _seed(rng)),
        "misty_rain": lambda size, rng: sample_misty_rain(rng, size, _seed(rng)),
        "curtain": lambda size, rng: Curtain(sample_curtain_style(rng), size, _seed(rng)),
        "fog": lambda size, rng: Fog(sample_fog_style(rng), size, _seed(rng)),
        "snow": lambda size, rng: Snow(sample_snow_style(rng), size, _seed(rng)),
    }


def sample_weather(kind: str, size: Size, rng: np.random.Generator) -> Weather:
    """Draws a random instance of a kind of weather.

    Args:
        kind: a name in `kinds`.
        size: height and width of the pictures in pixels.
        rng: random generator, which decides the result.

    Raises:
        InputError: the kind does not exist.
    """
    samplers = kinds()
    if kind not in samplers:
        raise InputError(
            f"there is no weather of kind {kind!r}", f"choose one of: {', '.join(samplers)}"
        )
    return samplers[kind](size, rng)


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31))
