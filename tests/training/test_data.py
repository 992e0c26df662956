from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from spikerain_training.data import (
    Image,
    RenderedRain,
    image_paths,
    random_crop,
    read_image,
    to_image,
    to_tensor,
)


def picture(seed: int, height: int, width: int) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for seed, (height, width) in enumerate([(48, 64), (20, 90), (31, 31)]):
        cv2.imwrite(str(tmp_path / f"{seed}.png"), picture(seed, height, width))
    return tmp_path


def test_a_sample_depends_on_seed_and_index_alone(folder: Path) -> None:
    samples = RenderedRain(folder, crop=32, length=12, seed=5)
    again = RenderedRain(folder, crop=32, length=500, seed=5)

    in_order = [samples[i] for i in range(8)]
    backwards = [again[i] for i in reversed(range(8))][::-1]

    for (rainy, clean), (rainy_again, clean_again) in zip(in_order, backwards, strict=True):
        assert torch.equal(rainy, rainy_again)
        assert torch.equal(clean, clean_again)


def test_other_indices_and_seeds_give_other_samples(folder: Path) -> None:
    samples = RenderedRain(folder, crop=32, length=4, seed=5)
    other = RenderedRain(folder, crop=32, length=4, seed=6)

    cleans = [clean for _, clean in (samples[0], samples[1], other[0])]

    assert not torch.equal(cleans[0], cleans[1])
    assert not torch.equal(cleans[0], cleans[2])


@pytest.mark.parametrize("crop", [16, 32, 128])
def test_samples_are_square_crops_in_the_unit_range(folder: Path, crop: int) -> None:
    samples = RenderedRain(folder, crop, length=12, seed=0)

    assert len(samples) == 12
    for index in range(len(samples)):
        for tensor in samples[index]:
            assert tensor.shape == (3, crop, crop)
            assert tensor.dtype is torch.float32
            assert tensor.min() >= 0
            assert tensor.max() <= 1


def test_most_samples_are_rainy_and_some_are_dry(folder: Path) -> None:
    samples = RenderedRain(folder, crop=24, length=120, seed=0)

    equal = [torch.equal(*samples[index]) for index in range(len(samples))]

    assert 0 < sum(equal) < 30


@pytest.mark.parametrize(("height", "width"), [(5, 7), (32, 9), (33, 200), (32, 32)])
def test_crops_have_their_size_whatever_the_image(height: int, width: int) -> None:
    rng = np.random.default_rng(1)

    for _ in range(20):
        crop = random_crop(picture(0, height, width), 32, rng)
        assert crop.shape == (32, 32, 3)
        assert crop.dtype == np.uint8
        assert crop.flags.c_contiguous


def test_tensors_are_rgb_planes_and_come_back_as_the_same_image() -> None:
    image = picture(3, 6, 9)

    tensor = to_tensor(image)

    assert tensor.shape == (3, 6, 9)
    np.testing.assert_allclose(tensor[0].numpy() * 255, image[..., 2], atol=1e-4)
    np.testing.assert_array_equal(to_image(tensor), image)


def test_restored_values_outside_the_unit_range_are_clipped() -> None:
    assert to_image(torch.tensor([-0.5, 0.4, 1.5]).view(3, 1, 1)).tolist() == [[[255, 102, 0]]]


def test_a_missing_folder_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="none"):
        RenderedRain(tmp_path / "none", crop=32, length=1, seed=0)


def test_a_folder_without_images_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no image")

    with pytest.raises(FileNotFoundError, match="no images"):
        image_paths(tmp_path)


def test_a_file_that_is_no_image_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"not a picture")

    with pytest.raises(ValueError, match=r"broken\.png"):
        read_image(tmp_path / "broken.png")
