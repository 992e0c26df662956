"""Styles of rain: what a shower looks like, and samplers of random styles."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from spikerain_edge.weather.base import Colour, sample_log

Blend = Literal["additive", "screen", "alpha"]


@dataclass(frozen=True)
class RainStyle:
    """What a shower looks like. Lengths are in pixels of the rendered image.

    Attributes:
        coverage: share of the picture under streaks of the nearest layer, about 0 to 1.
        length: mean streak length in the nearest layer.
        width: mean streak width in the nearest layer.
        angle: direction of fall in degrees from the vertical; positive leans to the right.
        spread: standard deviation of the angle from drop to drop, degrees.
        brightness: mean strength of a streak, 0 to 1.
        variation: relative standard deviation of length and brightness from drop to drop.
        softness: standard deviation of the defocus blur, pixels.
        layers: depth layers; each farther one has shorter, thinner, dimmer and more streaks.
        blend: how light of a streak joins the picture. `additive` adds it, `screen` saturates
            gently, `alpha` covers the picture with the colour of the rain.
        colour: BGR of the rain, 0 to 1.
        mist: strength of the veil of unresolved drops, 0 to 1.
        speed: streak lengths that a drop falls from one frame to the next.
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
    """A random style: drizzle to downpour, mean lengths of 2 to 80 pixels, all angles and blends.

    The order of draws is part of the contract: seeded evaluation must stay what it was.
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
    """A random style as of `sample_style`, but mean lengths of 2 to 100 and widths to 6 pixels."""
    short, long = (2, 8) if rng.random() < 0.15 else (8, 100)
    length = sample_log(rng, short, long)
    width = min(sample_log(rng, 0.6, 6.0), max(0.7, length / 4))
    return replace(sample_style(rng), length=length, width=width)


def sample_downpour_style(rng: np.random.Generator) -> RainStyle:
    """A random style of dense, bright streaks that cross: cloudbursts that hide the picture."""
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
