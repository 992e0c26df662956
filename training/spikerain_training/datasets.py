"""Training samples from rainy and clean pairs on disk, and mixtures of data sets."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from spikerain_edge.errors import InputError
from spikerain_edge.images import Image
from spikerain_edge.images.pairs import Half, Pair, find_pairs
from spikerain_training.rendered import DRY, RenderedWeather, WeatherMix
from spikerain_training.tensors import to_tensor

Sample = tuple[Tensor, Tensor]


class PairedFolder(Dataset[Sample]):
    """Pairs (rainy, clean) of crops, each (3, crop, crop) float32 RGB in [0, 1].

    Sample `i` depends on `seed` and `i` alone, so a resumed run sees the same samples. Files are
    read when asked for, since paired data sets outgrow memory. Crops keep their scale: resizing
    would turn the streaks into others than the data set means to teach.

    Args:
        pairs: what `find_pairs` found.
        crop: side of the square crops in pixels; smaller pictures are reflected at their border.
        length: number of samples.
        seed: seed of all randomness.
    """

    def __init__(self, pairs: Sequence[Pair], crop: int, length: int, seed: int) -> None:
        self.pairs = pairs
        self.crop = crop
        self.length = length
        self.seed = seed

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Sample:
        rng = np.random.default_rng((self.seed, index))
        rainy, clean = self.pairs[int(rng.integers(len(self.pairs)))].read()
        # Six channels travel as one picture, so that both get the same crop and flip.
        both = crop_and_flip(np.concatenate([rainy, clean], axis=2), self.crop, rng)
        return to_tensor(both[..., :3]), to_tensor(both[..., 3:])


class Mixture(Dataset[Sample]):
    """Draws each sample from one of several data sets, each as often as its weight says.

    Sample `i` is sample `i` of a data set chosen by `seed` and `i` alone.

    Args:
        datasets: map-style data sets of `length` samples or more.
        weights: how often each is drawn, in any unit; above 0.
        length: number of samples.
        seed: seed of the choice.

    Raises:
        InputError: weights and data sets do not match, or a weight is not above 0.
    """

    def __init__(
        self, datasets: Sequence[Dataset[Sample]], weights: Sequence[float], length: int, seed: int
    ) -> None:
        _require_weights(weights, len(datasets))
        self.datasets = datasets
        self.shares = np.asarray(weights, np.float64) / sum(weights)
        self.length = length
        self.seed = seed

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Sample:
        # A stream of its own (the last number), so that the choice does not decide the crop.
        rng = np.random.default_rng((self.seed, index, 1))
        return self.datasets[rng.choice(len(self.datasets), p=self.shares)][index]


def training_samples(
    folders: Mapping[Path, float],
    crop: int,
    length: int,
    seed: int,
    weather: Mapping[str, float] | None = None,
    dry: float = DRY,
    rainy_half: Mapping[Path, Half] | None = None,
) -> Dataset[Sample]:
    """Samples of one folder, or of several mixed by weight.

    Args:
        folders: weight of each folder; pairs in a known layout, or else clean images, to be seen
            in rendered weather.
        crop: side of the square crops in pixels.
        length: number of samples.
        seed: seed of all randomness.
        weather: weight of each kind of rendered weather; rain alone if not given.
        dry: share of the rendered samples without any weather.
        rainy_half: of folders whose pictures hold a pair side by side, the half that is rainy.

    Raises:
        InputError: there are no folders, or one does not exist, holds no image, no pair in its
            layout or no pairs side by side; a weight is not above 0; `weather` or `dry` is not
            usable.
    """
    # Refused even where nothing is mixed, or all folders hold pairs and nothing is rendered.
    _require_weights(list(folders.values()), len(folders))
    WeatherMix(weather, dry)
    halves = rainy_half or {}
    found = {folder: find_pairs(folder, halves.get(folder)) for folder in folders}
    datasets: list[Dataset[Sample]] = [
        RenderedWeather(folder, crop, length, seed, weather, dry)
        if pairs is None
        else PairedFolder(pairs, crop, length, seed)
        for folder, pairs in found.items()
    ]
    if len(datasets) == 1:
        return datasets[0]
    return Mixture(datasets, list(folders.values()), length, seed)


def training_batches(
    folder: Path, *, crop: int, batch: int, count: int, dry: float
) -> DataLoader[Sample]:
    """The same batches of a folder's samples, (B, 3, crop, crop) each, at every call.

    Raises:
        InputError: the folder does not exist, holds no image or no pair in its layout, or an image
            cannot be decoded.
    """
    samples = training_samples({folder: 1.0}, crop, batch * count, seed=0, dry=dry)
    return DataLoader(samples, batch)


def _require_weights(weights: Sequence[float], datasets: int) -> None:
    usable = all(0 < weight < math.inf for weight in weights)
    if not datasets or len(weights) != datasets or not usable:
        raise InputError(
            "training needs one weight above 0 for each data set", "give --data FOLDER=WEIGHT"
        )


def crop_and_flip(image: Image, crop: int, rng: np.random.Generator) -> Image:
    """A random crop (crop, crop, C) of an image (H, W, C), mirrored in one case of two."""
    height, width = image.shape[:2]
    below, beside = max(0, crop - height), max(0, crop - width)
    if below or beside:
        image = np.pad(image, ((0, below), (0, beside), (0, 0)), mode="symmetric")
        height, width = image.shape[:2]
    top, left = rng.integers(height - crop + 1), rng.integers(width - crop + 1)
    patch = image[top : top + crop, left : left + crop]
    return patch[:, ::-1] if rng.random() < 0.5 else patch
