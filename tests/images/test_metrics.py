from __future__ import annotations

import math

import numpy as np
import pytest
from skimage import data
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from spikerain_edge.images import Image
from spikerain_edge.images.metrics import luma, measure_names, psnr, psnr_luma, quality, ssim


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
def test_luma_equals_that_of_matlab(rgb: tuple[int, int, int], expected: float) -> None:
    bgr = np.array([[rgb[::-1]]], np.uint8)

    assert luma(bgr).shape == (1, 1)
    assert luma(bgr).item() == pytest.approx(expected, abs=1e-3)


def test_luma_equals_that_of_scikit_image() -> None:
    picture, _ = noisy_pair(0)

    np.testing.assert_allclose(luma(picture), rgb2ycbcr(picture[..., ::-1])[..., 0], atol=1e-9)


def test_psnr_equals_that_of_scikit_image() -> None:
    first, second = noisy_pair(1)

    assert psnr(first, second) == pytest.approx(
        peak_signal_noise_ratio(first, second, data_range=255)
    )
    assert psnr(first / 255, second / 255, peak=1.0) == pytest.approx(psnr(first, second))


def test_psnr_on_luma_equals_that_of_scikit_image() -> None:
    first, second = noisy_pair(2)
    planes = [rgb2ycbcr(image[..., ::-1])[..., 0] for image in (first, second)]

    assert psnr_luma(first, second) == pytest.approx(
        peak_signal_noise_ratio(*planes, data_range=255)
    )


def test_equal_pictures_have_infinite_psnr() -> None:
    picture, _ = noisy_pair(3)

    assert psnr(picture, picture) == math.inf
    assert psnr_luma(picture, picture) == math.inf


WANG = {
    "gaussian_weights": True,
    "sigma": 1.5,
    "use_sample_covariance": False,
    "data_range": 255,
}


def photograph_pair() -> tuple[Image, Image]:
    clean = np.ascontiguousarray(data.astronaut()[:75, 150:231, ::-1])
    noise = np.random.default_rng(5).normal(0, 15, clean.shape)
    return np.clip(clean + noise, 0, 255).astype(np.uint8), clean


@pytest.mark.parametrize("pair", [photograph_pair(), noisy_pair(4)])
def test_ssim_equals_that_of_scikit_image_with_the_settings_of_wang(
    pair: tuple[Image, Image],
) -> None:
    first, second = pair
    planes = [rgb2ycbcr(image[..., ::-1])[..., 0] for image in pair]

    assert ssim(luma(first), luma(second)) == pytest.approx(
        structural_similarity(*planes, **WANG), abs=1e-9
    )
    assert ssim(first, second) == pytest.approx(
        structural_similarity(first, second, channel_axis=-1, **WANG), abs=1e-9
    )


def test_equal_pictures_have_an_ssim_of_one() -> None:
    picture, _ = noisy_pair(3)

    assert ssim(picture, picture) == 1


@pytest.mark.parametrize(
    ("first", "second", "message"), [((10, 40), (10, 40), "11x11"), ((20, 40), (20, 41), "shape")]
)
def test_ssim_refuses_small_images_and_different_shapes(
    first: tuple[int, int], second: tuple[int, int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        ssim(np.zeros(first), np.zeros(second))


def test_quality_measures_luma_and_rgb() -> None:
    picture, truth = photograph_pair()
    measured = quality(picture, truth)

    expected = {
        "psnr_y": psnr_luma(picture, truth),
        "ssim_y": ssim(luma(picture), luma(truth)),
        "psnr_rgb": peak_signal_noise_ratio(truth, picture, data_range=255),
        "ssim_rgb": structural_similarity(picture, truth, channel_axis=-1, **WANG),
    }
    assert dict(zip(measure_names(), measured.values(), strict=True)) == pytest.approx(expected)
    assert measured.psnr_y > measured.psnr_rgb
