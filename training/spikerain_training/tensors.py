"""Converts images to tensors and tensors to images."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from spikerain_edge.images import Image


def to_tensor(image: Image) -> Tensor:
    """Converts (H, W, 3) uint8 BGR to (3, H, W) float32 RGB in [0, 1]."""
    return torch.from_numpy(image[..., ::-1].transpose(2, 0, 1).copy()).float() / 255


def to_image(tensor: Tensor) -> Image:
    """Converts (3, H, W) RGB in [0, 1] to (H, W, 3) uint8 BGR, clipped and rounded."""
    pixels = (tensor.detach().float().clamp(0, 1) * 255).round().byte()
    return np.ascontiguousarray(pixels.permute(1, 2, 0).numpy()[..., ::-1])
