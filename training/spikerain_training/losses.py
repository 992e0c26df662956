"""Training losses: SSIM as in the SpikeRain supplement (Eq. 2), optional terms, firing rate."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch
from torch import Tensor
from torch.nn import functional

from spikerain_training.processes import shared_mean


def gaussian_window(size: int, sigma: float) -> Tensor:
    """Returns a normalised one-dimensional Gaussian, float64, shape (size,)."""
    offsets = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    weights = torch.exp(-(offsets**2) / (2 * sigma**2))
    return weights / weights.sum()


def ssim(first: Tensor, second: Tensor, size: int = 11, sigma: float = 1.5) -> Tensor:
    """Returns the mean structural similarity of two batches (Wang et al. 2004).

    K1 = 0.01 and K2 = 0.03; only positions at which the whole window is inside the image count.

    Args:
        first: images (B, C, H, W) in [0, 1].
        second: images like `first`.
        size: side of the Gaussian window in pixels.
        sigma: standard deviation of the window in pixels.

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
    """Returns the mean error of horizontal and vertical differences (image gradients).

    With `d = restored - clean`, `(mean |d[y, x+1] - d[y, x]| + mean |d[y+1, x] - d[y, x]|) / 2`.
    A constant offset does not change it.

    Args:
        restored: images (B, C, H, W) of at least 2x2 pixels.
        clean: ground truth like `restored`.

    Returns:
        A scalar in the units of the images.
    """
    difference = restored - clean
    across, down = difference.diff(dim=-1), difference.diff(dim=-2)
    return (across.abs().mean() + down.abs().mean()) / 2


def frequency_loss(restored: Tensor, clean: Tensor) -> Tensor:
    """Returns the mean error of the amplitudes of the 2-D Fourier transform.

    `mean | |F(restored)| - |F(clean)| |` over all frequencies, channels and images. `F` is scaled
    by `1 / sqrt(H * W)`, so the value does not depend on the crop size. It compares textures but
    not their positions, so use it together with another term.

    Args:
        restored: images (B, C, H, W), float32 or float64.
        clean: ground truth like `restored`.

    Returns:
        A scalar in the units of the images.
    """
    amplitudes = [torch.fft.fft2(images, norm="ortho").abs() for images in (restored, clean)]
    return functional.l1_loss(*amplitudes)


def psnr_loss(restored: Tensor, clean: Tensor, floor: float = 1e-4) -> Tensor:
    """Returns the mean over images of the decibels that PSNR is below its upper limit.

    `mean over images of 10 * log10(1 + MSE / floor)`: a decibel counts the same in light and heavy
    rain, and images whose error is below `floor` hardly count.

    Args:
        restored: images (B, C, H, W) in [0, 1].
        clean: ground truth like `restored`.
        floor: mean squared error at the upper limit, 1e-4 for 40 dB.

    Returns:
        A scalar in dB; 0 if every image is restored exactly.
    """
    error = (restored - clean).square().mean(dim=(1, 2, 3))
    return 10 * torch.log10(1 + error / floor).mean()


def flicker_loss(restored: Tensor, clean: Tensor, frames: int) -> Tensor:
    """Returns how much the error changes from frame to frame.

    With `e[t] = restored[t] - clean[t]`, `mean |e[t] - e[t-1]|`. Motion does not count, because
    the clean frames move too. Half precision is converted to float32.

    Args:
        restored: successive frames of clips (clips * frames, C, H, W), clip by clip.
        clean: ground truth like `restored`.
        frames: frames of each clip.

    Returns:
        A scalar in the units of the images.
    """
    error = (widened(restored) - widened(clean)).unflatten(0, (-1, frames))
    return error.diff(dim=1).abs().mean()


@dataclass(frozen=True)
class LossWeights:
    """Weights of the terms of the restoration loss; 0 omits a term.

    Attributes:
        ssim: weight of `1 - SSIM`, the only term in the paper.
        l1: weight of the mean absolute difference.
        gradient: weight of `gradient_loss`.
        frequency: weight of `frequency_loss`.
        psnr: weight of `psnr_loss`, per decibel.

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
                raise ValueError(f"the loss weight {name} is {weight}, but must be at least 0")
        if not any(weights.values()):
            raise ValueError(f"the loss is empty: set one of {', '.join(weights)} above 0")


_TERMS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "ssim": lambda restored, clean: 1 - ssim(restored, clean),
    "l1": functional.l1_loss,
    "gradient": gradient_loss,
    "frequency": frequency_loss,
    "psnr": psnr_loss,
}


def loss_terms(restored: Tensor, clean: Tensor, weights: LossWeights) -> dict[str, Tensor]:
    """Returns the weighted terms of the restoration loss by name; their sum is the loss.

    Half precision is converted to float32 and autocast is disabled, because variances are
    differences of nearly equal numbers.

    Args:
        restored: images (B, 3, H, W) in [0, 1], of at least 11x11 pixels if SSIM has a weight.
        clean: ground truth like `restored`.
        weights: weights of the terms.

    Returns:
        A scalar for each term whose weight is not 0.

    Raises:
        ValueError: the images are smaller than the window of SSIM.
    """
    used = {name: weight for name, weight in asdict(weights).items() if weight}
    with torch.autocast(restored.device.type, enabled=False):
        wide = (widened(restored), widened(clean))
        return {name: weight * _TERMS[name](*wide) for name, weight in used.items()}


def widened(images: Tensor) -> Tensor:
    """Converts float16 and bfloat16 to float32; returns other tensors unchanged."""
    return images.float() if images.dtype in (torch.float16, torch.bfloat16) else images


def excess_firing(rates: list[Tensor], target: float) -> Tensor:
    """Returns by how much the mean firing rate exceeds `target`, at least 0.

    Args:
        rates: firing rate of every neuron layer, in [0, 1].
        target: firing rate that is not penalised.

    Returns:
        A scalar; the mean is taken over all layers and over all processes that share a batch.
    """
    return functional.relu(shared_mean(torch.stack(rates).mean()) - target)
