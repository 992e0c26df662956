"""Image quality as the deraining literature reports it.

Luma is MATLAB's `rgb2ycbcr` (ITU-R BT.601, 16 to 235); figures on RGB and on luma differ by
about 1.5 dB, so every figure names its conversion.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import cv2
import numpy as np
import numpy.typing as npt

from spikerain_edge.images import Image

Plane = npt.NDArray[np.float64]
SSIM_WINDOW = 11
"""Side of the window of `ssim` in pixels; smaller pictures have no SSIM."""


def luma(image: Image) -> Plane:
    """MATLAB luma of an image (H, W, 3) uint8 BGR, float64 (H, W) in 16 to 235, not rounded."""
    blue, green, red = np.moveaxis(image.astype(np.float64) / 255.0, -1, 0)
    plane: Plane = 16.0 + 65.481 * red + 128.553 * green + 24.966 * blue
    return plane


def psnr(
    first: npt.NDArray[np.generic], second: npt.NDArray[np.generic], peak: float = 255.0
) -> float:
    """Peak signal-to-noise ratio in dB; infinite for equal arrays."""
    error = np.mean((first.astype(np.float64) - second.astype(np.float64)) ** 2)
    return math.inf if error == 0 else float(10 * np.log10(peak**2 / error))


def psnr_luma(first: Image, second: Image) -> float:
    """PSNR on MATLAB luma in dB, peak 255."""
    return psnr(luma(first), luma(second))


def ssim(first: npt.NDArray[np.generic], second: npt.NDArray[np.generic]) -> float:
    """Mean structural similarity as in Wang et al. 2004 and their `ssim_index.m` for MATLAB.

    Gaussian window 11x11 with sigma 1.5, K1 = 0.01, K2 = 0.03, peak L = 255, averaged over the
    places where the whole window fits (`ssim` of MATLAB's toolbox repeats the border instead).

    Args:
        first: (H, W) or (H, W, C), any real type, values in 0 to 255; channels are averaged.
        second: like `first`.

    Raises:
        ValueError: the pictures are smaller than the window or differ in shape.
    """
    if first.shape != second.shape:
        raise ValueError(f"SSIM needs pictures of one shape, not {first.shape} and {second.shape}")
    if min(first.shape[:2]) < SSIM_WINDOW:
        raise ValueError(f"SSIM needs pictures of at least {SSIM_WINDOW}x{SSIM_WINDOW} pixels")
    one, two = first.astype(np.float64), second.astype(np.float64)
    mean1, mean2 = _local_mean(one), _local_mean(two)
    variances = _local_mean(one * one) - mean1 * mean1 + _local_mean(two * two) - mean2 * mean2
    covariance = _local_mean(one * two) - mean1 * mean2
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    luminance = (2 * mean1 * mean2 + c1) / (mean1 * mean1 + mean2 * mean2 + c1)
    structure = (2 * covariance + c2) / (variances + c2)
    return float(np.mean(luminance * structure))


def _local_mean(values: Plane) -> Plane:
    blurred = cv2.GaussianBlur(values, (SSIM_WINDOW, SSIM_WINDOW), 1.5)
    return np.asarray(blurred, np.float64)[5:-5, 5:-5]


@dataclass(frozen=True)
class Quality:
    """How like the truth a picture is.

    Attributes:
        psnr_y: PSNR on MATLAB luma in dB, infinite for equal pictures.
        ssim_y: SSIM on MATLAB luma, at most 1.
        psnr_rgb: PSNR over all RGB values in dB, infinite for equal pictures.
        ssim_rgb: SSIM per RGB channel, averaged.
    """

    psnr_y: float
    ssim_y: float
    psnr_rgb: float
    ssim_rgb: float

    def values(self) -> list[float]:
        """The measures in the order of `measure_names`."""
        return [getattr(self, name) for name in measure_names()]


def measure_names() -> list[str]:
    """Names of the measures in `Quality`."""
    return [field.name for field in fields(Quality)]


def quality(picture: Image, truth: Image) -> Quality:
    """Measures a picture against the truth, both (H, W, 3) uint8 BGR.

    Raises:
        ValueError: sizes differ or are below 11x11.
    """
    luma1, luma2 = luma(picture), luma(truth)
    structure = ssim(luma1, luma2)
    return Quality(psnr(luma1, luma2), structure, psnr(picture, truth), ssim(picture, truth))
