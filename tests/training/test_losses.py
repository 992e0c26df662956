from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity
from torch import Tensor

from spikerain_training.losses import excess_firing, restoration_loss, ssim


def scikit_image_ssim(first: Tensor, second: Tensor) -> float:
    scores = [
        structural_similarity(
            one.numpy(),
            other.numpy(),
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=1.0,
            channel_axis=0,
        )
        for one, other in zip(first, second, strict=True)
    ]
    return float(np.mean(scores))


def images(seed: int, height: int = 21, width: int = 34) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).random((2, 3, height, width)))


@pytest.mark.parametrize("noise", [0.0, 0.05, 0.4])
@pytest.mark.parametrize(("height", "width"), [(11, 11), (21, 34), (64, 12)])
def test_ssim_is_that_of_scikit_image(height: int, width: int, noise: float) -> None:
    first = images(1, height, width)
    second = (first + noise * (images(2, height, width) - 0.5)).clamp(0, 1)

    assert float(ssim(first, second)) == pytest.approx(
        scikit_image_ssim(first, second), rel=0, abs=1e-6
    )


def test_ssim_of_smooth_float32_pictures_is_that_of_scikit_image() -> None:
    ramp = torch.linspace(0, 1, 40).expand(1, 3, 30, 40)
    brighter = (ramp * 0.8 + 0.2).contiguous()

    # Variances of flat windows are differences of nearly equal float32 numbers.
    assert float(ssim(ramp, brighter)) == pytest.approx(
        scikit_image_ssim(ramp.double(), brighter.double()), rel=0, abs=1e-4
    )


@pytest.mark.parametrize(("height", "width"), [(10, 40), (40, 10)])
def test_ssim_refuses_images_smaller_than_its_window(height: int, width: int) -> None:
    picture = images(1, height, width)

    with pytest.raises(ValueError, match="11x11"):
        ssim(picture, picture)


def test_restoration_loss_adds_weighted_l1_to_dissimilarity() -> None:
    clean = images(1)
    restored = (clean + 0.1 * (images(2) - 0.5)).clamp(0, 1)
    dissimilarity = 1 - scikit_image_ssim(restored, clean)
    absolute = float(np.abs(restored.numpy() - clean.numpy()).mean())

    assert float(restoration_loss(clean, clean, 1.0)) == pytest.approx(0, abs=1e-12)
    for weight in (0.0, 0.5, 2.0):
        assert float(restoration_loss(restored, clean, weight)) == pytest.approx(
            dissimilarity + weight * absolute, abs=1e-6
        )


def test_firing_up_to_the_target_costs_nothing() -> None:
    rates = [torch.tensor(0.1), torch.tensor(0.3)]

    assert float(excess_firing(rates, target=0.2)) == pytest.approx(0, abs=1e-7)
    assert float(excess_firing(rates, target=0.5)) == 0


def test_firing_above_the_target_is_pushed_down() -> None:
    rates = [torch.tensor(0.2, requires_grad=True), torch.tensor(0.6, requires_grad=True)]

    excess = excess_firing(rates, target=0.15)
    excess.backward()

    assert excess.item() == pytest.approx(0.25)
    assert [rate.grad.item() for rate in rates if rate.grad is not None] == [0.5, 0.5]
