from __future__ import annotations

import math

import numpy as np
import pytest
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio

from spikerain_training.metrics import Image, luma, psnr, psnr_luma


def noisy_pair(seed: int) -> tuple[Image, Image]:
    rng = np.random.default_rng(seed)
    first = rng.integers(0, 256, (17, 23, 3), np.uint8)
    second = np.clip(first + rng.normal(0, 12, first.shape), 0, 255).astype(np.uint8)
    return first, second


# MATLAB: rgb2ycbcr([1 1 1; 0 0 0; 1 0 0; 0 1 0; 0 0 1; 0.2 0.4 0.6]) * 255, first column.
@pytest.mark.parametrize(
    ("rgb", "expected"),
    [
        ((255, 255, 255), 235.0),
        ((0, 0, 0), 16.0),
        ((255, 0, 0), 81.481),
        ((0, 255, 0), 144.553),
        ((0, 0, 255), 40.966),
        ((51, 102, 153), 95.497),
    ],
)
def test_luma_is_that_of_matlab(rgb: tuple[int, int, int], expected: float) -> None:
    bgr = np.array([[rgb[::-1]]], np.uint8)

    assert luma(bgr).shape == (1, 1)
    assert luma(bgr).item() == pytest.approx(expected, abs=1e-3)


def test_luma_of_a_picture_is_that_of_scikit_image() -> None:
    picture, _ = noisy_pair(0)

    np.testing.assert_allclose(luma(picture), rgb2ycbcr(picture[..., ::-1])[..., 0], atol=1e-9)


def test_psnr_is_that_of_scikit_image() -> None:
    first, second = noisy_pair(1)

    assert psnr(first, second) == pytest.approx(
        peak_signal_noise_ratio(first, second, data_range=255)
    )
    assert psnr(first / 255, second / 255, peak=1.0) == pytest.approx(psnr(first, second))


def test_psnr_on_luma_is_that_of_scikit_image() -> None:
    first, second = noisy_pair(2)
    planes = [rgb2ycbcr(image[..., ::-1])[..., 0] for image in (first, second)]

    assert psnr_luma(first, second) == pytest.approx(
        peak_signal_noise_ratio(*planes, data_range=255)
    )


def test_equal_pictures_have_infinite_psnr() -> None:
    picture, _ = noisy_pair(3)

    assert psnr(picture, picture) == math.inf
    assert psnr_luma(picture, picture) == math.inf
