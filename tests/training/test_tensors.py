"""Conversion of images to tensors and back."""

from __future__ import annotations

import numpy as np
import torch

from spikerain_edge.images import Image
from spikerain_training.tensors import to_image, to_tensor


def picture(seed: int, height: int, width: int) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def test_an_image_survives_the_conversion_to_a_tensor_and_back() -> None:
    image = picture(3, 6, 9)

    tensor = to_tensor(image)

    assert tensor.shape == (3, 6, 9)
    np.testing.assert_allclose(tensor[0].numpy() * 255, image[..., 2], atol=1e-4)
    np.testing.assert_array_equal(to_image(tensor), image)


def test_values_outside_0_to_1_are_clipped() -> None:
    assert to_image(torch.tensor([-0.5, 0.4, 1.5]).view(3, 1, 1)).tolist() == [[[255, 102, 0]]]
