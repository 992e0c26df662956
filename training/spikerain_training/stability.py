"""A picture that does not hang on rounding.

A spike is all or nothing: where a membrane potential lies within rounding of the threshold, two
runtimes disagree, and what one spike changes moves other potentials over the threshold in turn.
Training on twins, images seen a second time with noise far below what a camera resolves, teaches
the network to give both the same picture.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from spikerain_training.losses import psnr_loss, widened

# A fortieth of a level of 255: more would teach denoising, less flips too few spikes in a crop.
NOISE = 1e-4
# Mean squared difference of twins that is small enough (70 dB): below, 8-bit pictures are equal.
ALIKE = 1e-7


def with_twins(images: Tensor, seed: tuple[int, ...]) -> Tensor:
    """The images, and after them a quarter of them once more, with noise.

    Args:
        images: (B, 3, H, W), RGB in [0, 1].
        seed: of the noise, so that a resumed run meets the same.

    Returns:
        `(B + ceil(B / 4), 3, H, W)`; the twins are those of the first images.
    """
    chosen = images[: math.ceil(len(images) / 4)]
    noise = np.random.default_rng(seed).standard_normal(chosen.shape, np.float32)
    return torch.cat([images, chosen + NOISE * torch.from_numpy(noise).to(chosen)])


def instability(restored: Tensor, twins: Tensor) -> Tensor:
    """How many decibels the pictures of twins fall short of being equal.

    `mean over twins of 10 * log10(1 + MSE / 1e-7)`. Half precision is widened to float32.

    Args:
        restored: the network's pictures (B, 3, H, W).
        twins: its pictures of the twins of the first of them, at most B.

    Returns:
        A scalar in dB, 0 where twins are restored alike.
    """
    with torch.autocast(restored.device.type, enabled=False):
        return psnr_loss(widened(twins), widened(restored[: len(twins)]), floor=ALIKE)
