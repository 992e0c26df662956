"""Styles of rain: the appearance of a shower, and samplers of random styles."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from spikerain_edge.weather.base import Colour, sample_log

Blend = Literal["additive", "screen", "alpha"]


@dataclass(frozen=True)
class RainStyle:
    """Appearance of a shower. Lengths are in pixels of the picture.

    Attributes:
        coverage: share of the picture that streaks of the nearest layer cover, about 0 to 1.
        length: mean streak length in the nearest layer.
        width: mean streak width in the nearest layer.
        angle: direction of fall in degrees from the vertical; drops with a positive angle fall
            to the right.
        spread: standard deviation of the angle from drop to drop, degrees.
        brightness: mean strength of a streak, 0 to 1.
        variation: relative standard deviation of length and brightness from drop to drop.
        softness: standard deviation of the defocus blur, pixels.
        layers: number of depth layers; farther ones have more, shorter, thinner and dimmer
            streaks.
        blend: how streaks are blended with the picture. `additive` adds their light, `screen` adds
            it with soft saturation, `alpha` covers the picture with the colour of the rain.
        colour: BGR of the rain, 0 to 1.
        mist: opacity of the mist of drops that are too far to be seen one by one, 0 to 1.
        speed: distance that a drop falls per frame, in streak lengths.
    """

    coverage: float = 0.08
    length: float = 24.0
    width: float = 1.4
    angle: float = 8.0
    spread: float = 1.5
    brightness: float = 0.5
    variation: float = 0.35
    softness: float = 0.4
    layers: int = 2
    blend: Blend = "screen"
    colour: Colour = (1.0, 1.0, 1.0)
    mist: float = 0.0
    speed: float = 1.3


def sample_style(rng: np.random.Generator) -> RainStyle:
    """Draws a style, from drizzle to downpour, with mean lengths of 2 to 80 pixels.

    The order of draws must not change, because seeded evaluation depends on it.
    """
    short, long = (2, 8) if rng.random() < 0.1 else (7, 80)
    length = float(np.exp(rng.uniform(np.log(short), np.log(long))))
    width = float(min(np.exp(rng.uniform(np.log(0.6), np.log(4.0))), max(0.7, length / 4)))
    leaning = rng.random() < 0.85
    angle = rng.normal(0, 16) if leaning else rng.uniform(-90, 90)
    blends: tuple[Blend, ...] = ("additive", "screen", "alpha")
    shade = rng.uniform(0.75, 1.0)
    return RainStyle(
        coverage=float(np.exp(rng.uniform(np.log(0.015), np.log(0.5)))),
        length=length,
        width=width,
        angle=float(np.clip(angle, -90, 90)),
        spread=float(rng.exponential(1.5)),
        brightness=float(rng.uniform(0.12, 0.8)),
        variation=float(rng.uniform(0.1, 0.6)),
        softness=float(rng.uniform(0.0, 0.9)),
        layers=int(rng.integers(1, 4)),
        blend=blends[rng.choice(3, p=(0.5, 0.25, 0.25))],
        colour=tuple(float(c) for c in np.clip(shade + rng.normal(0, 0.02, 3), 0, 1)),  # type: ignore[arg-type]
        mist=float(rng.uniform(0.02, 0.2)) if rng.random() < 0.25 else 0.0,
    )


def sample_wide_style(rng: np.random.Generator) -> RainStyle:
    """Draws a style like `sample_style`, with mean lengths up to 100 and widths up to 6 pixels."""
    short, long = (2, 8) if rng.random() < 0.15 else (8, 100)
    length = sample_log(rng, short, long)
    width = min(sample_log(rng, 0.6, 6.0), max(0.7, length / 4))
    return replace(sample_style(rng), length=length, width=width)


def sample_downpour_style(rng: np.random.Generator) -> RainStyle:
    """Draws a style of dense, bright, crossing streaks that hide much of the picture."""
    length = sample_log(rng, 15, 100)
    return replace(
        sample_style(rng),
        coverage=sample_log(rng, 0.08, 0.4),
        length=length,
        width=min(sample_log(rng, 0.8, 3.0), length / 6),
        spread=float(rng.uniform(0.0, 12.0)),
        brightness=float(rng.uniform(0.3, 0.9)),
        mist=0.0,
    )


def sample_defocused_style(rng: np.random.Generator) -> RainStyle:
    """Draws a style of drops and streaks near the lens, out of focus: large, soft and faint."""
    drop = rng.random() < 0.3
    width = sample_log(rng, 3, 12)
    return replace(
        sample_style(rng),
        coverage=sample_log(rng, 0.04, 0.3),
        length=width * sample_log(rng, 1, 2) if drop else sample_log(rng, 20, 120),
        width=width,
        brightness=sample_log(rng, 0.1, 0.6),
        softness=sample_log(rng, 1.0, 5.0),
        layers=1,
        mist=0.0,
    )
