"""Trains a network whose output does not depend on rounding errors.

If a membrane potential is very close to the threshold, two runtimes can round it to different
sides, and the network spikes in one of them only. That spike changes the potentials of other
neurons, so the difference spreads. To prevent this, some images of a batch are passed through the
network twice, the second time with noise far below what a camera can resolve. Such a copy is called
a twin. A loss term makes the outputs for an image and its twin equal.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from spikerain_training.losses import psnr_loss, widened

# Standard deviation of the noise, 1/40 of an 8-bit level. More noise would train the network to
# denoise; less noise changes too few spikes in a crop.
NOISE = 1e-4
# Mean squared difference (70 dB) below which two images are equal after rounding to 8 bits.
EQUAL = 1e-7


def with_twins(images: Tensor, seed: tuple[int, ...]) -> Tensor:
    """Appends noisy copies (twins) of the first quarter of a batch to the batch.

    Args:
        images: (B, 3, H, W), RGB in [0, 1].
        seed: seed of the noise; a resumed run passes the same seed and gets the same noise.

    Returns:
        `(B + ceil(B / 4), 3, H, W)`: the images, then the twins.
    """
    chosen = images[: math.ceil(len(images) / 4)]
    noise = np.random.default_rng(seed).standard_normal(chosen.shape, np.float32)
    return torch.cat([images, chosen + NOISE * torch.from_numpy(noise).to(chosen)])


def instability(restored: Tensor, twins: Tensor) -> Tensor:
    """Returns how much the outputs for images and for their twins differ.

    `mean over twins of 10 * log10(1 + MSE / 1e-7)`. Half precision is converted to float32.

    Args:
        restored: outputs for the images (B, 3, H, W).
        twins: outputs for the twins of the first images, (N, 3, H, W) with N <= B.

    Returns:
        A scalar in dB; 0 if the outputs are equal.
    """
    with torch.autocast(restored.device.type, enabled=False):
        return psnr_loss(widened(twins), widened(restored[: len(twins)]), floor=EQUAL)
