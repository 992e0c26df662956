"""Training losses: SSIM as the SpikeRain supplement uses it (Eq. 2), optional terms beside it,
and the firing rate.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch
from torch import Tensor
from torch.nn import functional

from spikerain_training.processes import shared_mean


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


def gradient_loss(restored: Tensor, clean: Tensor) -> Tensor:
    """How far edges are off: L1 of finite differences, in both directions.

    With `d = restored - clean`, `(mean |d[y, x+1] - d[y, x]| + mean |d[y+1, x] - d[y, x]|) / 2`.
    It is blind to a constant offset.

    Args:
        restored: images (B, C, H, W) of at least 2x2 pixels.
        clean: the truth, like `restored`.

    Returns:
        A scalar in the units of the images.
    """
    difference = restored - clean
    across, down = difference.diff(dim=-1), difference.diff(dim=-2)
    return (across.abs().mean() + down.abs().mean()) / 2


def frequency_loss(restored: Tensor, clean: Tensor) -> Tensor:
    """How far texture is off: L1 between the amplitudes of the orthonormal 2-D Fourier transform.

    `mean | |F(restored)| - |F(clean)| |` over all frequencies, channels and images, with `F`
    scaled by `1 / sqrt(H * W)`, so that the term does not grow with the size of the crop. It is
    blind to where a texture lies, and belongs beside a term that is not.

    Args:
        restored: images (B, C, H, W), float32 or float64.
        clean: the truth, like `restored`.

    Returns:
        A scalar in the units of the images.
    """
    amplitudes = [torch.fft.fft2(images, norm="ortho").abs() for images in (restored, clean)]
    return functional.l1_loss(*amplitudes)


def psnr_loss(restored: Tensor, clean: Tensor, floor: float = 1e-4) -> Tensor:
    """How many decibels PSNR falls short of a ceiling, for each image alike.

    `mean over images of 10 * log10(1 + MSE / floor)`: a light rain and a heavy one count the same
    per decibel, and an image closer to its truth than `floor` hardly counts.

    Args:
        restored: images (B, C, H, W) in [0, 1].
        clean: the truth, like `restored`.
        floor: mean squared error of the ceiling, 1e-4 for 40 dB.

    Returns:
        A scalar in dB, 0 where every image is restored exactly.
    """
    error = (restored - clean).square().mean(dim=(1, 2, 3))
    return 10 * torch.log10(1 + error / floor).mean()


@dataclass(frozen=True)
class LossWeights:
    """How much each term of the restoration loss counts; 0 leaves a term out.

    Attributes:
        ssim: of `1 - SSIM`, alone in the paper's recipe.
        l1: of the mean absolute difference.
        gradient: of `gradient_loss`.
        frequency: of `frequency_loss`.
        psnr: of `psnr_loss`, per decibel.

    Raises:
        ValueError: a weight is negative or not finite, or all are 0.
    """

    ssim: float = 1.0
    l1: float = 0.0
    gradient: float = 0.0
    frequency: float = 0.0
    psnr: float = 0.0

    def __post_init__(self) -> None:
        weights = asdict(self)
        for name, weight in weights.items():
            if not (math.isfinite(weight) and weight >= 0):
                raise ValueError(f"the loss weight {name} is {weight}, it must be at least 0")
        if not any(weights.values()):
            raise ValueError(f"the loss is empty: give one of {', '.join(weights)} a weight")


_TERMS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "ssim": lambda restored, clean: 1 - ssim(restored, clean),
    "l1": functional.l1_loss,
    "gradient": gradient_loss,
    "frequency": frequency_loss,
    "psnr": psnr_loss,
}


def loss_terms(restored: Tensor, clean: Tensor, weights: LossWeights) -> dict[str, Tensor]:
    """The weighted terms of the restoration loss, by name; their sum is the loss.

    Half precision is widened to float32, and autocast does not reach inside: variances are
    differences of nearly equal numbers.

    Args:
        restored: images (B, 3, H, W) in [0, 1] of at least 11x11 pixels where SSIM counts.
        clean: the truth, like `restored`.
        weights: which terms, and how much each counts.

    Returns:
        A scalar for each term whose weight is not 0; the others are not computed.

    Raises:
        ValueError: the images are smaller than the window of SSIM.
    """
    counting = {name: weight for name, weight in asdict(weights).items() if weight}
    with torch.autocast(restored.device.type, enabled=False):
        wide = (widened(restored), widened(clean))
        return {name: weight * _TERMS[name](*wide) for name, weight in counting.items()}


def widened(images: Tensor) -> Tensor:
    """The same numbers in float32 where they come in half precision."""
    return images.float() if images.dtype in (torch.float16, torch.bfloat16) else images


def excess_firing(rates: list[Tensor], target: float) -> Tensor:
    """How far the mean firing rate of all neuron layers lies above `target`, at least 0.

    Where several processes share a batch, it is the rate over all of it.
    """
    return functional.relu(shared_mean(torch.stack(rates).mean()) - target)
