from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from spikerain_edge.errors import InputError
from spikerain_edge.images import Image
from spikerain_edge.images.pairs import find_pairs
from spikerain_training.datasets import Mixture, PairedFolder, crop_and_flip, training_samples
from spikerain_training.rendered import RenderedWeather


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("input", "target"):
        (tmp_path / name).mkdir()
    for number, (height, width) in enumerate([(40, 56), (24, 61), (33, 20)]):
        rng = np.random.default_rng(number)
        clean = rng.integers(0, 200, (height, width, 3), np.uint8)
        cv2.imwrite(str(tmp_path / "target" / f"{number}.png"), clean)
        cv2.imwrite(str(tmp_path / "input" / f"{number}.png"), clean + np.uint8(50))
    return tmp_path


def paired(folder: Path, seed: int = 5, length: int = 16) -> PairedFolder:
    return PairedFolder(find_pairs(folder) or (), crop=32, length=length, seed=seed)


def test_both_images_of_a_pair_get_the_same_crop_and_flip(folder: Path) -> None:
    samples = paired(folder)

    for index in range(len(samples)):
        rainy, clean = samples[index]
        assert rainy.shape == clean.shape == (3, 32, 32)
        assert rainy.dtype is torch.float32
        torch.testing.assert_close(rainy - clean, torch.full_like(clean, 50 / 255))


def test_a_sample_depends_on_seed_and_index_only(folder: Path) -> None:
    samples, again, other = paired(folder), paired(folder, length=99), paired(folder, seed=6)

    backwards = [again[index][1] for index in reversed(range(8))][::-1]

    assert all(torch.equal(samples[index][1], backwards[index]) for index in range(8))
    assert not torch.equal(samples[0][1], samples[1][1])
    assert not torch.equal(samples[0][1], other[0][1])


def test_all_pairs_are_drawn_equally_often(tmp_path: Path) -> None:
    for name in ("input", "target"):
        (tmp_path / name).mkdir()
        for number in range(3):
            flat = np.full((16, 16, 3), 51 * number, np.uint8)
            cv2.imwrite(str(tmp_path / name / f"{number}.png"), flat)
    samples = PairedFolder(find_pairs(tmp_path) or (), crop=8, length=300, seed=0)

    drawn = [round(5 * samples[index][1].max().item()) for index in range(300)]

    assert np.bincount(drawn).min() > 75
    assert set(drawn) == {0, 1, 2}


def test_crops_are_parts_of_the_image_and_half_of_them_are_mirrored() -> None:
    image = np.arange(9 * 14 * 3, dtype=np.uint16).reshape(9, 14, 3)
    rng = np.random.default_rng(0)
    mirrored, corners = 0, set()

    for _ in range(200):
        patch = crop_and_flip(image, 6, rng)  # type: ignore[arg-type]
        flipped = patch[0, 0, 0] > patch[0, -1, 0]
        mirrored += bool(flipped)
        upright = patch[:, ::-1] if flipped else patch
        top, left = divmod(int(upright[0, 0, 0]) // 3, 14)
        corners.add((top, left))
        np.testing.assert_array_equal(upright, image[top : top + 6, left : left + 6])

    assert 70 < mirrored < 130
    assert corners == {(top, left) for top in range(4) for left in range(9)}


@pytest.mark.parametrize(("height", "width"), [(5, 40), (40, 5), (3, 3)])
def test_small_images_are_extended_by_reflection(height: int, width: int) -> None:
    image: Image = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)

    patch = crop_and_flip(image, 16, np.random.default_rng(2))

    assert patch.shape == (16, 16, 3)
    assert set(map(tuple, patch.reshape(-1, 3))) <= set(map(tuple, image.reshape(-1, 3)))


class Constant(torch.utils.data.Dataset[tuple[torch.Tensor, torch.Tensor]]):
    def __init__(self, value: int) -> None:
        self.value = value

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.tensor(self.value), torch.tensor(index)


def test_a_mixture_draws_by_weight_and_depends_on_seed_and_index_only() -> None:
    mixture = Mixture([Constant(0), Constant(1), Constant(2)], [2, 1, 1], length=2000, seed=3)
    drawn = [mixture[index] for index in range(len(mixture))]

    counts = np.bincount([int(value) for value, _ in drawn])

    np.testing.assert_allclose(counts / 2000, [0.5, 0.25, 0.25], atol=0.03)
    assert [int(index) for _, index in drawn] == list(range(2000))
    assert mixture[7][0] == drawn[7][0]
    other = Mixture(mixture.datasets, [2, 1, 1], length=50, seed=4)
    assert [other[index][0] for index in range(50)] != [value for value, _ in drawn[:50]]


@pytest.mark.parametrize("weights", [[1.0], [1.0, 0.0], [1.0, -2.0], [1.0, float("nan")]])
def test_invalid_weights_are_refused(weights: list[float]) -> None:
    with pytest.raises(InputError, match="every data folder needs one weight above 0"):
        Mixture([Constant(0), Constant(1)], weights, length=1, seed=0)


def test_folders_of_pairs_and_of_clean_images_are_told_apart(folder: Path) -> None:
    pairs = training_samples({folder: 1.0}, crop=16, length=4, seed=0)
    rendered = training_samples({folder / "target": 1.0}, crop=16, length=4, seed=0)
    mixed = training_samples({folder: 3.0, folder / "target": 1.0}, crop=16, length=4, seed=0)

    assert isinstance(pairs, PairedFolder)
    assert isinstance(rendered, RenderedWeather)
    assert isinstance(mixed, Mixture)
    for index in range(4):
        candidates = [dataset[index] for dataset in (pairs, rendered)]
        assert any(torch.equal(mixed[index][0], rainy) for rainy, _ in candidates)


def test_a_mixture_renders_its_clean_images_with_the_given_weather(folder: Path) -> None:
    weather, clean = {"fog": 0.5, "snow": 0.5}, folder / "target"
    alone = training_samples({clean: 1.0}, 16, 8, 0, weather=weather, dry=0.0)
    mixed = training_samples({folder: 1.0, clean: 1.0}, 16, 8, 0, weather=weather, dry=0.0)
    expected = RenderedWeather(clean, 16, 8, 0, weather, 0.0)
    pairs = PairedFolder(find_pairs(folder) or (), 16, 8, 0)

    sources = set()
    for index in range(8):
        assert torch.equal(alone[index][0], expected[index][0])
        matching = [torch.equal(mixed[index][0], each[index][0]) for each in (pairs, expected)]
        assert any(matching)
        sources.add(matching.index(True))
    assert sources == {0, 1}


def test_invalid_weather_is_refused_even_if_nothing_is_rendered(folder: Path) -> None:
    with pytest.raises(InputError, match="hail"):
        training_samples({folder: 1.0}, 16, 8, 0, weather={"hail": 1.0})
    with pytest.raises(InputError, match="dry share"):
        training_samples({folder: 1.0}, 16, 8, 0, dry=1.5)


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan"), float("inf")])
@pytest.mark.parametrize("others", [0, 1])
def test_the_weight_of_a_single_folder_is_checked_too(
    folder: Path, weight: float, others: int
) -> None:
    folders = {folder: weight, **dict.fromkeys([folder / "target"][:others], 1.0)}

    with pytest.raises(InputError, match="one weight above 0"):
        training_samples(folders, crop=16, length=4, seed=0)
