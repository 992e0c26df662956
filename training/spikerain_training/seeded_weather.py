"""Renders seeded snow, fog and curtains of rain of a known strength."""

from __future__ import annotations

import numpy as np

from spikerain_edge.errors import InputError
from spikerain_edge.images import Image
from spikerain_edge.images.metrics import psnr_luma
from spikerain_edge.weather import sample_weather

_TOLERANCE = 0.02
_ATTEMPTS = 16
_STEPS = 24
_STRONGEST = 64.0


def weather_levels() -> dict[str, float]:
    """Returns the PSNR on MATLAB luma, in dB, of evaluation pictures by kind of weather."""
    return {"snow": 20.0, "fog": 17.0, "curtain": 19.0}


def seeded_weather(clean: Image, kind: str, seed: int) -> Image:
    """Renders random weather in front of `clean` (H, W, 3) uint8 BGR, at the PSNR of its kind.

    The style is drawn with `seed`. Its strength is searched to within 0.02 dB of the target. A
    style that cannot reach the target, such as pale fog in front of a pale picture, is drawn anew.

    Raises:
        InputError: none of 16 styles reaches the target.
    """
    target = weather_levels()[kind]
    for attempt in range(_ATTEMPTS):
        weathered = _attempt(clean, kind, target, np.random.default_rng((seed, attempt)))
        if weathered is not None:
            return weathered
    raise InputError(
        f"no rendered {kind} lowers the PSNR of this picture to {target} dB",
        "move this picture out of the folder",
    )


def _attempt(clean: Image, kind: str, target: float, rng: np.random.Generator) -> Image | None:
    """Renders one style at the PSNR `target` in dB; None if it cannot reach it."""
    weather = sample_weather(kind, clean.shape[:2], rng)
    strength = 1.0
    for _ in range(_STEPS):
        weathered = weather.render(clean, strength=strength)
        excess = psnr_luma(weathered, clean) - target
        if abs(excess) < _TOLERANCE:
            return weathered
        # Exact if the error grows in proportion to the strength; it grows less where light clips.
        strength *= 10 ** (min(excess, 40.0) / 20)
        if strength > _STRONGEST:
            return None
    return None
