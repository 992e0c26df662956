"""Smooth drifting noise, for banks of fog and for mist."""

from __future__ import annotations

import numpy as np

from spikerain_edge.sizes import Size
from spikerain_edge.weather.base import Layer

_WAVES_PER_OCTAVE = 5


class Clouds:
    """Seeded low-frequency noise: a sum of plane waves, unbounded and without a grid.

    Args:
        rng: generator of the directions, lengths and phases of the waves.
        patches: approximate number of patches along the longer side of a picture.
        octaves: number of octaves; each one has half the size and strength of the one before.
    """

    def __init__(self, rng: np.random.Generator, patches: float = 1.5, octaves: int = 3) -> None:
        octave = np.repeat(np.arange(octaves), _WAVES_PER_OCTAVE)
        turn = rng.uniform(0, 2 * np.pi, octave.size)
        cycles = patches * 2.0**octave * rng.uniform(0.6, 1.4, octave.size)
        self._waves = 2 * np.pi * cycles * np.array([np.cos(turn), np.sin(turn)])
        strength = 0.5**octave
        phase = np.exp(2j * np.pi * rng.random(octave.size))
        self._coefficients = phase * strength / np.sqrt(2 * np.sum(strength**2))

    def __call__(self, size: Size, shift: tuple[float, float] = (0.0, 0.0)) -> Layer:
        """Computes the noise for a picture.

        Args:
            size: height and width of the picture in pixels.
            shift: drift of the clouds to the right and down in pixels.

        Returns:
            float32 (H, W), with mean 0 and standard deviation 0.5 over the unbounded plane.
        """
        height, width = size
        unit = max(size)
        x, y = (np.arange(width) - shift[0]) / unit, (np.arange(height) - shift[1]) / unit
        along_x = np.exp(1j * self._waves[0][:, None] * x)
        along_y = np.exp(1j * self._waves[1][:, None] * y)
        # A plane wave is the product of a vertical and a horizontal wave, so the sum of all
        # waves is one matrix product.
        total: Layer = ((self._coefficients * along_y.T) @ along_x).real.astype(np.float32)
        return total
