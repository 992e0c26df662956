"""Image quality as the deraining literature reports it.

Luma is MATLAB's `rgb2ycbcr` (ITU-R BT.601, 16 to 235); figures on RGB and on luma differ by
about 1.5 dB, so every figure names its conversion.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.float64]


def luma(image: Image) -> Plane:
    """MATLAB luma of an image (H, W, 3) uint8 BGR, float64 (H, W) in 16 to 235, not rounded."""
    blue, green, red = np.moveaxis(image.astype(np.float64) / 255.0, -1, 0)
    return 16.0 + 65.481 * red + 128.553 * green + 24.966 * blue


def psnr(
    first: npt.NDArray[np.generic], second: npt.NDArray[np.generic], peak: float = 255.0
) -> float:
    """Peak signal-to-noise ratio in dB; infinite for equal arrays."""
    error = np.mean((first.astype(np.float64) - second.astype(np.float64)) ** 2)
    return math.inf if error == 0 else float(10 * np.log10(peak**2 / error))


def psnr_luma(first: Image, second: Image) -> float:
    """PSNR on MATLAB luma in dB, peak 255."""
    return psnr(luma(first), luma(second))
