from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from spikerain_edge.errors import InputError
from spikerain_edge.images import Image
from spikerain_edge.images.metrics import psnr_luma
from spikerain_training.seeded_rain import (
    held_out_quality,
    rainy_scenes,
    read_scenes,
    seeded_rain,
    severities,
)

TARGETS = {"light": 30.0, "medium": 25.0, "heavy": 17.0}


def scene(seed: int, brightness: float = 128.0) -> Image:
    rng = np.random.default_rng(seed)
    coarse = rng.normal(brightness, 40, (6, 8, 3))
    smooth = cv2.resize(coarse, (96, 64), interpolation=cv2.INTER_CUBIC)
    noisy = smooth + rng.normal(0, 3, smooth.shape)
    return np.asarray(np.clip(noisy, 0, 255), np.uint8)


def test_severities_have_the_documented_psnr() -> None:
    assert {name: severity.psnr for name, severity in severities().items()} == TARGETS


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("brightness", [30.0, 90.0, 150.0])
def test_seeded_rain_has_the_psnr_of_its_severity(name: str, brightness: float) -> None:
    for seed in range(6):
        clean = scene(seed, brightness)
        rainy = seeded_rain(clean, severities()[name], seed)

        assert rainy.shape == clean.shape
        assert rainy.dtype == np.uint8
        assert psnr_luma(rainy, clean) == pytest.approx(TARGETS[name], abs=0.05)


def test_a_white_image_gets_rain_too() -> None:
    white = np.full((64, 96, 3), 255, np.uint8)

    rainy = seeded_rain(white, severities()["medium"], seed=0)

    assert psnr_luma(rainy, white) == pytest.approx(TARGETS["medium"], abs=0.05)


@pytest.mark.slow
def test_an_image_with_the_colour_of_rain_cannot_get_heavy_rain() -> None:
    pale = np.full((16, 16, 3), 225, np.uint8)

    with pytest.raises(InputError, match="no rendered rain lowers the PSNR"):
        seeded_rain(pale, severities()["heavy"], seed=0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (
            np.full((16, 16, 3), 225, np.uint8),
            "no rendered rain lowers the PSNR of this picture to 17.0 dB",
        ),
        (
            np.zeros((40, 10, 3), np.uint8),
            "10x40 pixels are too few for SSIM, which needs at least 11x11",
        ),
    ],
    ids=["pale", "small"],
)
def test_the_message_about_an_unusable_image_names_its_file(
    tmp_path: Path, picture: Image, message: str
) -> None:
    paths = [tmp_path / "good.png", tmp_path / "bad.png"]
    for path, image in zip(paths, (scene(0), picture), strict=True):
        cv2.imwrite(str(path), image)

    with pytest.raises(InputError, match=rf"bad\.png: {message}; move this picture out of"):
        read_scenes(paths, severities()["heavy"])


def test_files_and_images_in_memory_get_the_same_rain(tmp_path: Path) -> None:
    cleans = [scene(seed) for seed in range(2)]
    for number, clean in enumerate(cleans):
        cv2.imwrite(str(tmp_path / f"{number}.png"), clean)

    read = read_scenes(sorted(tmp_path.iterdir()), severities()["light"])

    for pair, expected in zip(read, rainy_scenes(cleans, severities()["light"]), strict=True):
        np.testing.assert_array_equal(pair, expected)


def test_seeded_rain_is_the_same_for_the_same_seed_only() -> None:
    clean, medium = scene(0), severities()["medium"]
    untouched = clean.copy()

    first = seeded_rain(clean, medium, seed=3)

    np.testing.assert_array_equal(first, seeded_rain(clean, medium, seed=3))
    assert not np.array_equal(first, seeded_rain(clean, medium, seed=4))
    np.testing.assert_array_equal(clean, untouched)


def test_unchanged_images_have_the_quality_of_the_rainy_ones() -> None:
    scenes = rainy_scenes([scene(seed) for seed in range(3)], severities()["medium"])

    measured = held_out_quality(scenes, [rainy for rainy, _ in scenes])

    assert measured.psnr == measured.rainy_psnr == pytest.approx(TARGETS["medium"], abs=0.05)
    assert 0 < measured.ssim < 1


def test_halving_the_rain_gains_six_decibels() -> None:
    scenes = rainy_scenes([scene(seed) for seed in range(3)], severities()["heavy"])
    halved = [
        np.rint((rainy.astype(np.float64) + clean) / 2).astype(np.uint8) for rainy, clean in scenes
    ]

    measured = held_out_quality(scenes, halved)

    assert measured.psnr - measured.rainy_psnr == pytest.approx(20 * np.log10(2), abs=0.1)


def test_the_clean_images_have_an_ssim_of_one() -> None:
    cleans = [scene(seed) for seed in range(2)]

    measured = held_out_quality(rainy_scenes(cleans, severities()["light"]), cleans)

    assert measured.ssim == pytest.approx(1)
    assert measured.psnr == np.inf
