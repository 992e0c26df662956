"""Runs a PyTorch SpikeRain network on images in the format of OpenCV."""

from __future__ import annotations

import torch
from torch import nn

from spikerain_edge.images import Image
from spikerain_training.tensors import to_image, to_tensor


@torch.inference_mode()
def restore(network: nn.Module, image: Image) -> Image:
    """Derains an image (H, W, 3) uint8 BGR of any size.

    Args:
        network: a SpikeRain network in evaluation mode, on any device.
        image: the rainy image.

    Returns:
        The derained image, (H, W, 3) uint8 BGR.
    """
    device = next(network.parameters()).device
    return to_image(network(to_tensor(image)[None].to(device))[0].cpu())
