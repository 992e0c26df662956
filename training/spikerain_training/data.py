"""Training samples: clean photographs, rain rendered in front of them on the fly."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset

from spikerain_edge.errors import InputError
from spikerain_edge.stream import sources
from spikerain_edge.weather import Rain, sample_style

Image = npt.NDArray[np.uint8]
SUFFIXES = sources.IMAGE_SUFFIXES


def image_paths(folder: Path) -> list[Path]:
    """Image files of a folder, sorted by name.

    Raises:
        FileNotFoundError: there is no such folder, or it holds no image.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}")
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise FileNotFoundError(f"no images in {folder}")
    return paths


def read_image(path: Path) -> Image:
    """Reads an image as (H, W, 3) uint8 BGR; raises `ValueError` where it cannot be decoded."""
    try:
        return sources.read_image(path)
    except InputError as error:
        raise ValueError(f"cannot read the image {path}") from error


def to_tensor(image: Image) -> Tensor:
    """(H, W, 3) uint8 BGR to (3, H, W) float32 RGB in [0, 1]."""
    return torch.from_numpy(image[..., ::-1].transpose(2, 0, 1).copy()).float() / 255


def to_image(tensor: Tensor) -> Image:
    """(3, H, W) RGB in [0, 1] to (H, W, 3) uint8 BGR, clipped and rounded."""
    pixels = (tensor.detach().float().clamp(0, 1) * 255).round().byte()
    return np.ascontiguousarray(pixels.permute(1, 2, 0).numpy()[..., ::-1])


class RenderedRain(Dataset[tuple[Tensor, Tensor]]):
    """Pairs (rainy, clean) of crops, (3, crop, crop) float32 RGB.

    Sample `i` depends on `seed` and `i` alone, so a resumed run sees the same samples.

    Args:
        folder: clean photographs; all are kept decoded in memory.
        crop: side of the square crops in pixels.
        length: number of samples.
        seed: seed of all randomness.
    """

    def __init__(self, folder: Path, crop: int, length: int, seed: int) -> None:
        self.images = [read_image(path) for path in image_paths(folder)]
        self.crop = crop
        self.length = length
        self.seed = seed

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng((self.seed, index))
        image = self.images[rng.integers(len(self.images))]
        clean = expose(random_crop(image, self.crop, rng), rng)
        rainy = add_rain(clean, rng)
        return to_tensor(rainy), to_tensor(clean)


def random_crop(image: Image, crop: int, rng: np.random.Generator) -> Image:
    """A square crop at a random scale (a quarter to full size), randomly flipped or turned."""
    height, width = image.shape[:2]
    scale = max(rng.uniform(0.25, 1.0), crop / min(height, width))
    side = min(round(crop / scale), height, width)
    top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
    patch = image[top : top + side, left : left + side]
    if side != crop:
        resized = cv2.resize(patch, (crop, crop), interpolation=cv2.INTER_AREA)
        patch = np.asarray(resized, np.uint8)
    if rng.random() < 0.5:
        patch = patch[:, ::-1]
    if rng.random() < 0.1:
        patch = np.rot90(patch)
    return np.ascontiguousarray(patch)


def expose(image: Image, rng: np.random.Generator) -> Image:
    """Random exposure, gamma, white balance and sensor noise of the rain-free picture."""
    picture = image.astype(np.float32) / 255
    picture = picture ** np.float32(np.exp(rng.normal(0, 0.25)))
    picture = picture * np.exp(rng.normal(0, 0.15)) * np.exp(rng.normal(0, 0.04, 3))
    if rng.random() < 0.3:
        picture = picture + rng.normal(0, rng.uniform(0, 0.015), picture.shape)
    return np.clip(picture * 255 + 0.5, 0, 255).astype(np.uint8)


def add_rain(clean: Image, rng: np.random.Generator) -> Image:
    """Rain of a random style; one picture in seven stays dry, some are compressed after."""
    rainy = clean
    if rng.random() >= 0.15:
        shower = Rain(sample_style(rng), clean.shape[:2], int(rng.integers(2**31)))
        rainy = shower.render(clean, time=float(rng.uniform(0, 50)))
    if rng.random() < 0.2:
        quality = int(rng.integers(75, 99))
        _, packed = cv2.imencode(".jpg", rainy, [cv2.IMWRITE_JPEG_QUALITY, quality])
        rainy = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
    return rainy
