"""Runs a PyTorch SpikeRain network on images and clips in the format of OpenCV."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

from spikerain_edge.images import Image
from spikerain_edge.images.alignment import align
from spikerain_training.tensors import to_image, to_tensor


@torch.inference_mode()
def restore_clip(network: nn.Module, frames: Sequence[Image]) -> list[Image]:
    """Derains successive frames of a video, each (H, W, 3) uint8 BGR, all of one size.

    Args:
        network: a SpikeRain network of two frames in evaluation mode, on any device. It sees the
            first frame as a still picture, and each other with the aligned frame before it.
        frames: the rainy frames.

    Returns:
        The derained frames, (H, W, 3) uint8 BGR.
    """
    restored = [restore(network, frame) for frame in frames[:1]]
    for before, frame in pairwise(frames):
        restored.append(restore(network, frame, align(before, frame)))
    return restored


@torch.inference_mode()
def restore(network: nn.Module, image: Image, previous: Image | None = None) -> Image:
    """Derains an image (H, W, 3) uint8 BGR of any size.

    Args:
        network: a SpikeRain network in evaluation mode, on any device.
        image: the rainy image.
        previous: the rainy frame before it, aligned with it (see `align`), for a network of two
            frames.

    Returns:
        The derained image, (H, W, 3) uint8 BGR.
    """
    device = next(network.parameters()).device
    frames = [image] if previous is None else [image, previous]
    return to_image(network(*(to_tensor(each)[None].to(device) for each in frames))[0].cpu())
