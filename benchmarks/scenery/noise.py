"""Value noise without details that are finer than the pixels of the image."""

from __future__ import annotations

import cv2
import numpy as np

from scenery.camera import Layer, Patch

_CELLS = 64
_STEPS = 16


class Noise:
    """Seeded, endlessly tiling value noise with mean 0 and values of about -1 to 1.

    Args:
        seed: same seed, same noise.
    """

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        cells = self._rng.uniform(-1, 1, (_CELLS, _CELLS)).astype(np.float32)
        padded = np.pad(cells - cells.mean(), 4, mode="wrap")
        side = (_CELLS + 8) * _STEPS
        smooth = cv2.resize(padded, (side, side), interpolation=cv2.INTER_CUBIC)
        inner = slice(4 * _STEPS, -4 * _STEPS)
        self._tile = np.ascontiguousarray(smooth[inner, inner])

    def random(self, *shape: int) -> Layer:
        """Returns uniform random numbers from 0 to 1, float32, different at every call."""
        return self._rng.random(shape).astype(np.float32)

    def __call__(
        self, patch: Patch, size: float | tuple[float, float], octaves: int = 1, turn: float = 0.0
    ) -> Layer:
        """Returns noise for a patch, (h, w) float32.

        Args:
            patch: where on the plane, shape (h, w).
            size: metres per cell of the coarsest octave, one number or (along u, along v).
            octaves: each further one is half as large and half as strong.
            turn: shifts the noise, so that materials do not look alike.
        """
        size_u, size_v = size if isinstance(size, tuple) else (size, size)
        total = np.zeros_like(patch.u)
        for octave in range(octaves):
            scale_u, scale_v = 2.0**octave / size_u, 2.0**octave / size_v
            shift = 17.3 * octave + 5.7 * turn
            finest = np.maximum(patch.du * scale_u, patch.dv * scale_v)
            strength = 0.5**octave * np.clip(1.5 - 2 * finest, 0, 1)
            if not strength.any():
                break
            total += strength * self._sample(patch.u * scale_u + shift, patch.v * scale_v + shift)
        return total

    def _sample(self, x: Layer, y: Layer) -> Layer:
        column, row = x / _CELLS, y / _CELLS
        column, row = column - np.floor(column), row - np.floor(row)
        side = np.float32(_CELLS * _STEPS)
        found = cv2.remap(
            self._tile, column * side, row * side, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP
        )
        return found.astype(np.float32, copy=False)
