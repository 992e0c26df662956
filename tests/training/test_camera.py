from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from spikerain_edge.images import Image
from spikerain_training import camera
from spikerain_training.camera import compress, compress_alike, degrade
from spikerain_training.rendered import RenderedWeather
from spikerain_training.tensors import to_image


def picture(seed: int, height: int, width: int) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def flat_pairs(tmp_path: Path, count: int) -> list[tuple[Image, Image]]:
    """Returns weathered and clean samples of a uniformly grey photograph."""
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((64, 64, 3), 128, np.uint8))
    samples = RenderedWeather(tmp_path, 48, count, 2, weather={"snow": 1.0}, dry=0.0)
    return [
        (to_image(weathered), to_image(clean))
        for weathered, clean in (samples[index] for index in range(count))
    ]


@pytest.mark.slow
def test_both_images_of_a_sample_have_the_same_noise(tmp_path: Path) -> None:
    noisy = [pair for pair in flat_pairs(tmp_path, 120) if pair[1].std(axis=(0, 1)).min() > 1.5]

    equal = [(snowy == clean).all(axis=2).mean() for snowy, clean in noisy]

    assert len(noisy) > 8
    # Pixels without a flake are equal; with independent noise hardly any would be.
    assert np.quantile(equal, 0.75) > 0.5


def degraded(image: Image, count: int = 300) -> list[Image]:
    return [degrade(image, np.random.default_rng(seed)) for seed in range(count)]


def test_exposure_and_white_balance_vary_within_limits() -> None:
    grey = np.full((16, 16, 3), 128, np.uint8)
    colours = np.array([each.mean(axis=(0, 1)) for each in degraded(grey)])
    levels, tints = colours.mean(axis=1), np.log(colours / colours.mean(axis=1, keepdims=True))

    assert np.median(levels) == pytest.approx(128, rel=0.1)
    assert np.quantile(levels, 0.1) < 105
    assert np.quantile(levels, 0.9) > 150
    assert 0.02 < tints.std() < 0.06
    assert levels.min() > 40
    assert levels.max() <= 255


def test_gamma_varies_around_1() -> None:
    fields = np.array([60, 120, 240], np.uint8).repeat(15)
    scale = np.tile(fields[None, :, None], (9, 1, 3))
    # Sampled far from the edges, because sharpening changes them. Exposure does not change the
    # ratio of two grey levels; gamma does.
    ratios = [
        np.divide(*each[:, [22, 7]].mean(axis=(0, 2)))
        for each in degraded(scale)
        if each[:, 37].max() < 255
    ]

    gamma = np.log2(ratios)
    assert np.median(gamma) == pytest.approx(1, abs=0.15)
    assert 0.12 < np.std(gamma) < 0.4


def test_three_images_in_ten_are_noisy() -> None:
    grey = np.full((32, 32, 3), 128, np.uint8)
    spread = np.array([each.std(axis=(0, 1)).max() for each in degraded(grey)])

    assert 0.2 < (spread > 0).mean() < 0.38
    assert 2.5 < spread.max() < 6


def test_some_images_are_out_of_focus() -> None:
    stripes = np.tile(np.array([90, 150], np.uint8), 16)[None, :, None].repeat(32, 0).repeat(3, 2)
    contrast = []
    for image in degraded(stripes):
        dark, bright = image[8:24, 8:24:2].mean(), image[8:24, 9:24:2].mean()
        contrast.append((bright - dark) / (bright + dark))

    blurred = np.array(contrast) < 0.5 * np.median(contrast)
    assert 0.06 < blurred.mean() < 0.2


def test_a_third_of_the_images_are_sharpened() -> None:
    edge = np.full((32, 32, 3), 90, np.uint8)
    edge[:, 16:] = 150
    pictures = [image[8:24].astype(float).mean(axis=(0, 2)) for image in degraded(edge)]

    # Averaging over rows removes noise. Sharpening makes an edge overshoot.
    over = np.array([(row[16] - row[24:28].mean()) / (row[24:28].mean() + 1) for row in pictures])
    under = np.array([(row[4:8].mean() - row[15]) / (row[4:8].mean() + 1) for row in pictures])
    assert 0.25 < ((over > 0.02) & (under > 0.02)).mean() < 0.42
    assert over.max() < 0.5


@pytest.mark.parametrize("level", [0, 255])
def test_degraded_images_do_not_overflow(level: int) -> None:
    for image in degraded(np.full((8, 8, 3), level, np.uint8), 40):
        assert image.dtype == np.uint8
        # An overflow turns black into white or white into black.
        assert abs(int(image.mean()) - level) < 160


def test_a_quarter_of_the_pairs_is_compressed_with_a_quality_of_60_to_98(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[int, int]] = []

    def remember(image: Image, quality: int) -> Image:
        asked.append((int(image[0, 0, 0]), quality))
        return image

    monkeypatch.setattr(camera, "compress", remember)
    weathered, clean = np.full((2, 8, 8, 3), [[[[9]]], [[[4]]]], np.uint8)
    for seed in range(800):
        compress_alike(weathered, clean, np.random.default_rng(seed))

    first, second = asked[::2], asked[1::2]
    assert len(first) == pytest.approx(200, abs=40)
    assert {which for which, _ in first} == {9}
    assert {which for which, _ in second} == {4}
    qualities = [quality for _, quality in first]
    assert qualities == [quality for _, quality in second]
    assert min(qualities) >= 60
    assert max(qualities) <= 98
    assert np.quantile(qualities, 0.1) < 68
    assert np.quantile(qualities, 0.9) > 90


def test_a_pair_without_weather_stays_equal_after_compression() -> None:
    clean, changed = picture(1, 32, 32), 0
    for seed in range(40):
        first, second = compress_alike(clean, clean, np.random.default_rng(seed))
        np.testing.assert_array_equal(first, second)
        changed += not np.array_equal(first, clean)

    assert changed > 3


def test_a_lower_jpeg_quality_loses_more() -> None:
    image = cv2.GaussianBlur(picture(2, 48, 48), (0, 0), 1.5)

    losses = [peak_signal_noise_ratio(image, compress(image, q)) for q in (98, 80, 60, 10)]

    assert losses == sorted(losses, reverse=True)
    assert losses[0] > 35
    assert losses[-1] < 30
