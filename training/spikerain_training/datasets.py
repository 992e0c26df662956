"""Data sets of training samples: pairs on disk, and mixtures of several data sets."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from spikerain_edge.errors import InputError
from spikerain_edge.images import Image
from spikerain_edge.images.pairs import find_pairs
from spikerain_edge.images.picture import Half, Pair
from spikerain_training.rendered import DRY, RenderedWeather, WeatherMix
from spikerain_training.rendered_clips import RenderedClips
from spikerain_training.tensors import to_tensor

Sample = tuple[Tensor, ...]
"""Images (rainy, clean), or frames of a clip (rainy, clean, rainy before)."""


class PairedFolder(Dataset[Sample]):
    """Pairs (rainy, clean) of crops, each (3, crop, crop) float32 RGB in [0, 1].

    Sample `i` depends on `seed` and `i` only, so a resumed run sees the same samples. Files are
    read when needed, because paired data sets do not fit into memory. Crops are not resized,
    because that would change the rain streaks.

    Args:
        pairs: the pairs to draw from, as `find_pairs` returns them.
        crop: side of the square crops in pixels; smaller images are extended by reflection.
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
        # One image of six channels, so that both images get the same crop and flip.
        both = crop_and_flip(np.concatenate([rainy, clean], axis=2), self.crop, rng)
        return to_tensor(both[..., :3]), to_tensor(both[..., 3:])


class StillClips(Dataset[Sample]):
    """Clips that show one picture all the time, made from pairs.

    Args:
        pairs: pairs (rainy, clean), each (3, crop, crop).
    """

    def __init__(self, pairs: Dataset[Sample]) -> None:
        self.pairs = pairs

    def __getitem__(self, index: int) -> Sample:
        rainy, clean = (image.expand(2, *image.shape) for image in self.pairs[index])
        return rainy, clean, rainy


class Mixture(Dataset[Sample]):
    """Draws every sample from one of several data sets.

    Sample `i` is sample `i` of one data set; which one depends on `seed` and `i` only.

    Args:
        datasets: map-style data sets with at least `length` samples.
        weights: relative probability of each data set, above 0.
        length: number of samples.
        seed: seed of the choice.

    Raises:
        InputError: the number of weights differs from the number of data sets, or a weight is not
            above 0.
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
        # The last number makes this draw independent of the draw of the crop.
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
    video: float = 0.0,
    frames: int = 1,
) -> Dataset[Sample]:
    """Returns the data set of one folder, or a mixture of several.

    For a network of two frames, samples are clips, (2, 3, crop, crop) each: rendered ones of clean
    images (see `RenderedClips`), or the pairs as pictures that stand still.

    Args:
        folders: weight of each folder. A folder holds pairs in a known layout, or clean images;
            weather is rendered in front of clean images.
        crop: side of the square crops in pixels.
        length: number of samples.
        seed: seed of all randomness.
        weather: weight of each kind of rendered weather; only rain if None.
        dry: share of the rendered samples without any weather.
        rainy_half: the rainy half, for folders whose images hold a pair side by side.
        video: share of the rendered samples that are compressed as video.
        frames: frames that the network reads, 1 or 2.

    Raises:
        InputError: `folders` is empty, a folder is missing or holds no image or no pair, a weight
            is not above 0, or `weather` or `dry` is not valid.
    """
    # Checked even if no weather is rendered, to report every mistake in a recipe.
    _require_weights(list(folders.values()), len(folders))
    WeatherMix(weather, dry)
    halves = rainy_half or {}
    found = {folder: find_pairs(folder, halves.get(folder)) for folder in folders}
    rendered = RenderedWeather if frames == 1 else RenderedClips
    datasets: list[Dataset[Sample]] = []
    for folder, pairs in found.items():
        if pairs is None:
            datasets.append(rendered(folder, crop, length, seed, weather, dry, video))
        else:
            images = PairedFolder(pairs, crop, length, seed)
            datasets.append(images if frames == 1 else StillClips(images))
    if len(datasets) == 1:
        return datasets[0]
    return Mixture(datasets, list(folders.values()), length, seed)


def training_batches(
    folder: Path, *, crop: int, batch: int, count: int, dry: float, frames: int = 1
) -> Iterator[Sample]:
    """Yields batches of samples, the same at every call.

    They are (rainy, clean), (B, 3, crop, crop) each; for a network of two frames (rainy, clean,
    rainy before), of clips of two restored frames that follow each other.

    Raises:
        InputError: the folder is missing, holds no image or no pair, or an image cannot be
            decoded.
    """
    samples = training_samples({folder: 1.0}, crop, batch * count, seed=0, dry=dry, frames=frames)
    for stacked in DataLoader(samples, batch):
        yield tuple(images.flatten(0, -4) for images in stacked)


def _require_weights(weights: Sequence[float], datasets: int) -> None:
    usable = all(0 < weight < math.inf for weight in weights)
    if not datasets or len(weights) != datasets or not usable:
        raise InputError(
            "every data folder needs one weight above 0", "write --data FOLDER=WEIGHT for each"
        )


def crop_and_flip(image: Image, crop: int, rng: np.random.Generator) -> Image:
    """Returns a random crop (crop, crop, C) of an image (H, W, C), mirrored half of the time."""
    height, width = image.shape[:2]
    below, beside = max(0, crop - height), max(0, crop - width)
    if below or beside:
        image = np.pad(image, ((0, below), (0, beside), (0, 0)), mode="symmetric")
        height, width = image.shape[:2]
    top, left = rng.integers(height - crop + 1), rng.integers(width - crop + 1)
    patch = image[top : top + crop, left : left + crop]
    return patch[:, ::-1] if rng.random() < 0.5 else patch
