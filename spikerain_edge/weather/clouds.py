"""Smooth drifting noise, for banks of fog, for mist and for curtains of rain."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spikerain_edge.sizes import Size
from spikerain_edge.weather.base import Layer

_WAVES_PER_OCTAVE = 5
_WAVES_OF_BANDS = 64


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
        return _sum_of_waves(self._waves / max(size), self._coefficients, size, shift)


class Bands:
    """Seeded noise in long parallel bands: a sum of plane waves, unbounded and without a grid.

    The waves are drawn from a Gaussian spectrum, so the correlation is Gaussian too: it falls to
    exp(-1/2) over half of `width` across the bands and over half of `length` along them.

    Args:
        rng: generator of the directions, lengths and phases of the waves.
        width: approximate width of a band in pixels.
        length: approximate length of a band in pixels.
        angle: direction of the bands in degrees from the vertical; positive angles lean the lower
            end to the right.
    """

    def __init__(self, rng: np.random.Generator, width: float, length: float, angle: float) -> None:
        across = rng.standard_normal(_WAVES_OF_BANDS) * 2 / width
        along = rng.standard_normal(_WAVES_OF_BANDS) * 2 / length
        lean = np.radians(angle)
        self._fall = np.array([np.sin(lean), np.cos(lean)])
        self._waves = np.array(
            [
                across * np.cos(lean) + along * np.sin(lean),
                along * np.cos(lean) - across * np.sin(lean),
            ]
        )
        phase = np.exp(2j * np.pi * rng.random(_WAVES_OF_BANDS))
        self._coefficients = phase * np.sqrt(2 / _WAVES_OF_BANDS)

    def __call__(self, size: Size, fall: float = 0.0, drift: float = 0.0) -> Layer:
        """Computes the noise for a picture.

        Args:
            size: height and width of the picture in pixels.
            fall: distance that the bands have moved along their direction, in pixels.
            drift: distance that the bands have moved to the right, in pixels.

        Returns:
            float32 (H, W), with mean 0 and standard deviation 1 over the unbounded plane.
        """
        right, down = fall * self._fall + (drift, 0.0)
        return _sum_of_waves(self._waves, self._coefficients, size, (right, down))


def _sum_of_waves(
    waves: npt.NDArray[np.float64],
    coefficients: npt.NDArray[np.complex128],
    size: Size,
    shift: tuple[float, float],
) -> Layer:
    """Computes the real part of a sum of plane waves.

    Args:
        waves: angular frequencies to the right and down in radians per pixel, (2, N).
        coefficients: amplitude and phase of each wave, (N,).
        size: height and width of the picture in pixels.
        shift: shift of the waves to the right and down in pixels.

    Returns:
        float32 (H, W).
    """
    height, width = size
    x, y = np.arange(width) - shift[0], np.arange(height) - shift[1]
    along_x = np.exp(1j * waves[0][:, None] * x)
    along_y = np.exp(1j * waves[1][:, None] * y)
    # A plane wave is the product of a vertical and a horizontal wave, so the sum of all
    # waves is one matrix product.
    total: Layer = ((coefficients * along_y.T) @ along_x).real.astype(np.float32)
    return total
