"""Measures of image quality, as the deraining literature reports them.

Luma is the first channel of MATLAB's `rgb2ycbcr` (ITU-R BT.601, 16 to 235). Results on RGB and on
luma differ by about 1.5 dB, so the name of every measure states which it uses.
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
"""Side of the window of `ssim` in pixels; SSIM is undefined for smaller images."""


def luma(image: Image) -> Plane:
    """Returns MATLAB luma, float64 (H, W) in 16 to 235, of an image, uint8 (H, W, 3) BGR."""
    blue, green, red = np.moveaxis(image.astype(np.float64) / 255.0, -1, 0)
    plane: Plane = 16.0 + 65.481 * red + 128.553 * green + 24.966 * blue
    return plane


def psnr(
    first: npt.NDArray[np.generic], second: npt.NDArray[np.generic], peak: float = 255.0
) -> float:
    """Peak signal-to-noise ratio in dB of two arrays of one shape; infinite if they are equal."""
    error = np.mean((first.astype(np.float64) - second.astype(np.float64)) ** 2)
    return math.inf if error == 0 else float(10 * np.log10(peak**2 / error))


def psnr_luma(first: Image, second: Image) -> float:
    """PSNR on MATLAB luma in dB, peak 255."""
    return psnr(luma(first), luma(second))


def ssim(first: npt.NDArray[np.generic], second: npt.NDArray[np.generic]) -> float:
    """Mean structural similarity as in Wang et al. 2004 and their `ssim_index.m` for MATLAB.

    The window is an 11x11 Gaussian with sigma 1.5; K1 = 0.01, K2 = 0.03, L = 255. The mean covers
    the pixels where the whole window fits (`ssim` of MATLAB's toolbox repeats the border instead).

    Args:
        first: (H, W) or (H, W, C) of any real type with values in 0 to 255; the result is the mean
            over channels.
        second: an array of the same shape.

    Raises:
        ValueError: the images are smaller than the window or differ in shape.
    """
    if first.shape != second.shape:
        raise ValueError(f"SSIM needs images of one shape, not {first.shape} and {second.shape}")
    if min(first.shape[:2]) < SSIM_WINDOW:
        raise ValueError(f"SSIM needs images of at least {SSIM_WINDOW}x{SSIM_WINDOW} pixels")
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
    """Quality of an image compared with the ground truth.

    Attributes:
        psnr_y: PSNR on MATLAB luma in dB; infinite for equal images.
        ssim_y: SSIM on MATLAB luma, at most 1.
        psnr_rgb: PSNR over all RGB values in dB; infinite for equal images.
        ssim_rgb: mean SSIM of the RGB channels.
    """

    psnr_y: float
    ssim_y: float
    psnr_rgb: float
    ssim_rgb: float

    def values(self) -> list[float]:
        """Returns the measures in the order of `measure_names`."""
        return [getattr(self, name) for name in measure_names()]


def measure_names() -> list[str]:
    """Returns the names of the measures in `Quality`."""
    return [field.name for field in fields(Quality)]


def quality(picture: Image, truth: Image) -> Quality:
    """Compares an image with the ground truth.

    Args:
        picture: uint8 (H, W, 3) BGR.
        truth: the ground truth, of the same shape.

    Raises:
        ValueError: the images differ in size or are smaller than 11x11.
    """
    luma1, luma2 = luma(picture), luma(truth)
    structure = ssim(luma1, luma2)
    return Quality(psnr(luma1, luma2), structure, psnr(picture, truth), ssim(picture, truth))
