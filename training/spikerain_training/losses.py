"""Training losses: SSIM as the SpikeRain supplement uses it (Eq. 2), L1 and the firing rate."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def gaussian_window(size: int, sigma: float) -> Tensor:
    """Normalised one-dimensional Gaussian, float64, shape (size,)."""
    offsets = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    weights = torch.exp(-(offsets**2) / (2 * sigma**2))
    return weights / weights.sum()


def ssim(first: Tensor, second: Tensor, size: int = 11, sigma: float = 1.5) -> Tensor:
    """Mean structural similarity of two batches (B, C, H, W) in [0, 1] (Wang et al. 2004).

    Gaussian window of `size` and `sigma`, K1 = 0.01, K2 = 0.03, only where the whole window fits.

    Raises:
        ValueError: the images are smaller than the window.
    """
    if min(first.shape[-2:]) < size:
        raise ValueError(f"SSIM needs images of at least {size}x{size} pixels")
    channels = first.shape[1]
    window = gaussian_window(size, sigma).to(first)
    across = window.view(1, 1, 1, -1).expand(channels, 1, 1, size)
    down = window.view(1, 1, -1, 1).expand(channels, 1, size, 1)

    def local_mean(values: Tensor) -> Tensor:
        rows = functional.conv2d(values, across, groups=channels)
        return functional.conv2d(rows, down, groups=channels)

    mean1, mean2 = local_mean(first), local_mean(second)
    variance1 = local_mean(first * first) - mean1 * mean1
    variance2 = local_mean(second * second) - mean2 * mean2
    covariance = local_mean(first * second) - mean1 * mean2
    luminance = (2 * mean1 * mean2 + 0.01**2) / (mean1 * mean1 + mean2 * mean2 + 0.01**2)
    structure = (2 * covariance + 0.03**2) / (variance1 + variance2 + 0.03**2)
    return (luminance * structure).mean()


def restoration_loss(restored: Tensor, clean: Tensor, l1_weight: float) -> Tensor:
    """`1 - SSIM + l1_weight * L1`; both images (B, 3, H, W) in [0, 1]."""
    return 1 - ssim(restored, clean) + l1_weight * functional.l1_loss(restored, clean)


def excess_firing(rates: list[Tensor], target: float) -> Tensor:
    """How far the mean firing rate over all neuron layers lies above `target`, at least 0."""
    return functional.relu(torch.stack(rates).mean() - target)
