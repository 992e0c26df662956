"""Runs a PyTorch SpikeRain on images as OpenCV hands them over."""

from __future__ import annotations

import torch
from torch import nn

from spikerain_edge.images import Image
from spikerain_training.tensors import to_image, to_tensor


@torch.inference_mode()
def restore(network: nn.Module, image: Image) -> Image:
    """Derains one image (H, W, 3) uint8 BGR of any size; the network must be in eval mode."""
    device = next(network.parameters()).device
    return to_image(network(to_tensor(image)[None].to(device))[0].cpu())
