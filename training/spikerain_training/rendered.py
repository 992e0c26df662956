"""Training samples: weather rendered in front of clean photographs."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from torch import Tensor
from torch.utils.data import Dataset

from spikerain_edge.errors import InputError
from spikerain_edge.images import Image
from spikerain_edge.images.picture import Picture
from spikerain_edge.images.reading import image_paths
from spikerain_edge.weather import kinds, sample_weather
from spikerain_training.camera import compress_alike, degrade
from spikerain_training.tensors import to_tensor
from spikerain_training.video_compression import compress_as_video, sample_crf

DRY = 0.25
_SMALLEST_SCALE = 0.15
_FRAMES = 3


class WeatherMix:
    """Draws random weather for training images.

    Args:
        weights: relative probability of each kind of weather (see `spikerain_edge.weather.kinds`);
            only rain if None.
        dry: share of the images without weather, at least 0 and below 1.

    Raises:
        InputError: a kind is unknown, a weight is negative or infinite, all weights are 0, or `dry`
            is out of range.
    """

    def __init__(self, weights: Mapping[str, float] | None = None, dry: float = DRY) -> None:
        weights = {"rain": 1.0} if weights is None else weights
        unknown = sorted(set(weights) - set(kinds()))
        if unknown:
            raise InputError(
                f"unknown kind of weather {unknown[0]!r}", f"choose from {', '.join(kinds())}"
            )
        if not all(0 <= weight < math.inf for weight in weights.values()) or not any(
            weights.values()
        ):
            raise InputError(
                f"the weather weights {dict(weights)} are not valid",
                "set every weight to at least 0 and one of them above 0: --set weather.rain=1.0",
            )
        if not 0 <= dry < 1:
            raise InputError(
                f"the dry share {dry} is out of range",
                "set it to at least 0 and less than 1: --set dry=0.25",
            )
        # Sorted, so that the samples do not depend on the order in a recipe.
        self.kinds = sorted(kind for kind, weight in weights.items() if weight)
        total = sum(weights.values())
        self.shares = [weights[kind] / total for kind in self.kinds]
        self.dry = dry

    def add(self, clean: Image, rng: np.random.Generator) -> Image:
        """Renders random weather in front of `clean` (H, W, 3) uint8 BGR.

        Returns:
            The image with weather, or `clean` itself if it gets no weather.
        """
        return self.clip(clean, rng, 1)[0]

    def clip(self, clean: Image, rng: np.random.Generator, frames: int) -> list[Image]:
        """Renders random weather in front of successive frames of a scene that does not move.

        Args:
            clean: the scene, (H, W, 3) uint8 BGR.
            rng: random generator, which decides the weather.
            frames: number of frames; the last one is what `add` returns.

        Returns:
            The frames with weather, or `clean` itself for each if it gets no weather.
        """
        return self.over([clean] * frames, rng)

    def over(
        self, cleans: Sequence[Image], rng: np.random.Generator, pace: float = 1.0
    ) -> list[Image]:
        """Renders random weather in front of successive frames of a scene.

        Args:
            cleans: the frames, (H, W, 3) uint8 BGR each, all of one size.
            rng: random generator, which decides the weather.
            pace: how far the weather moves from frame to frame; 1 for the speed of its style.

        Returns:
            The frames with weather, or those of `cleans` if they get no weather.
        """
        if rng.random() < self.dry:
            return list(cleans)
        # No random number is drawn for a single kind; the samples of older recipes depend on that.
        chosen = rng.choice(len(self.kinds), p=self.shares) if len(self.kinds) > 1 else 0
        weather = sample_weather(self.kinds[chosen], cleans[0].shape[:2], rng)
        # Real streaks range from hardly visible to opaque, a wider range than styles have.
        strength = float(np.exp(rng.normal(0.25, 0.55)))
        last = float(rng.uniform(0, 50))
        times = (last - pace * before for before in reversed(range(len(cleans))))
        return [
            weather.render(clean, time, strength) for clean, time in zip(cleans, times, strict=True)
        ]


class RenderedSamples(Dataset[tuple[Tensor, ...]]):
    """Base of samples with weather in front of clean photographs.

    Sample `i` depends on `seed` and `i` only, so a resumed run sees the same samples.

    Args:
        folder: folder of clean photographs; they are decoded once and kept in memory.
        crop: side of the square crops in pixels.
        length: number of samples.
        seed: seed of all randomness.
        weather: weight of each kind of weather, see `WeatherMix`; only rain if None.
        dry: share of the samples without any weather.
        video: share of the samples that are compressed as video, 0 to 1.

    Raises:
        InputError: the folder is missing or holds no image, a file cannot be decoded, or
            `weather` or `dry` is not valid.
    """

    def __init__(
        self,
        folder: Path,
        crop: int,
        length: int,
        seed: int,
        weather: Mapping[str, float] | None = None,
        dry: float = DRY,
        video: float = 0.0,
    ) -> None:
        self.video = video
        self.mix = WeatherMix(weather, dry)
        self.images = [Picture(path).read() for path in image_paths(folder)]
        self.crop = crop
        self.length = length
        self.seed = seed

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        return self.sample(np.random.default_rng((self.seed, index)))

    @abstractmethod
    def sample(self, rng: np.random.Generator) -> tuple[Tensor, ...]:
        """Draws a random sample: weathered, clean, and what else it has."""

    def photograph(self, rng: np.random.Generator) -> Image:
        """Draws one of the photographs, (H, W, 3) uint8 BGR."""
        return self.images[rng.integers(len(self.images))]


class RenderedWeather(RenderedSamples):
    """Pairs (weathered, clean) of crops, each (3, crop, crop) float32 RGB in [0, 1].

    See `RenderedSamples` for the arguments.
    """

    def sample(self, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Draws a random pair."""
        clean = degrade(random_crop(self.photograph(rng), self.crop, rng), rng)
        # No random number is drawn without video; the samples of older recipes depend on that.
        if self.video and rng.random() < self.video:
            weathered, clean = self._compressed_as_video(clean, rng)
        else:
            weathered, clean = compress_alike(self.mix.add(clean, rng), clean, rng)
        return to_tensor(weathered), to_tensor(clean)

    def _compressed_as_video(self, clean: Image, rng: np.random.Generator) -> tuple[Image, Image]:
        """Returns the last frame of a clip with weather and of one without, of equal quality."""
        clip, crf = self.mix.clip(clean, rng, _FRAMES), sample_crf(rng)
        return compress_as_video(clip, crf), compress_as_video([clean] * _FRAMES, crf)


def random_crop(image: Image, crop: int, rng: np.random.Generator) -> Image:
    """Returns a square crop at a random scale (0.15 to 1), flipped or rotated at random.

    Large photographs are smoother than images of small cameras. To balance this, the logarithm of
    the scale is drawn uniformly, and of two random places the one with more texture is used.
    """
    height, width = image.shape[:2]
    scale = max(math.exp(rng.uniform(math.log(_SMALLEST_SCALE), 0)), crop / min(height, width))
    side = min(round(crop / scale), height, width)
    places = (_square(image, side, crop, rng) for _ in range(2))
    patch = max(places, key=_texture)
    if rng.random() < 0.5:
        patch = patch[:, ::-1]
    if rng.random() < 0.1:
        patch = np.rot90(patch)
    return np.ascontiguousarray(patch)


def _square(image: Image, side: int, crop: int, rng: np.random.Generator) -> Image:
    """Cuts a square of `side` pixels at a random place and scales it down to (crop, crop, 3)."""
    height, width = image.shape[:2]
    top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
    patch = image[top : top + side, left : left + side]
    if side == crop:
        return patch
    resized = cv2.resize(patch, (crop, crop), interpolation=cv2.INTER_AREA)
    return np.asarray(resized, np.uint8)


def _texture(patch: Image) -> float:
    """Returns the mean absolute difference of vertical neighbours, in 8-bit levels."""
    return float(np.abs(np.diff(patch.astype(np.int16), axis=0)).mean())
