"""Simulates camera effects. The network has to keep them, with and without rain."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from spikerain_edge.images import Image

_Light = npt.NDArray[np.floating[Any]]


def degrade(image: Image, rng: np.random.Generator) -> Image:
    """Applies random camera effects: focus, sharpening, exposure, gamma, white balance, noise.

    Apply it before the weather is rendered: then both images of a pair have the same effects, and
    the network learns to keep them.
    """
    picture: _Light = image.astype(np.float32) / 255
    focus = rng.random()
    if focus < 0.15:
        picture = _blurred(picture, rng.uniform(0.3, 1.5))
    elif focus < 0.5:
        detail = picture - _blurred(picture, rng.uniform(0.5, 1.2))
        picture = np.clip(picture + rng.uniform(0.2, 1.5) * detail, 0, 1)
    picture = picture ** np.float32(np.exp(rng.normal(0, 0.25)))
    picture = picture * np.exp(rng.normal(0, 0.15)) * np.exp(rng.normal(0, 0.04, 3))
    if rng.random() < 0.3:
        picture = picture + rng.normal(0, rng.uniform(0, 0.015), picture.shape)
    return np.clip(picture * 255 + 0.5, 0, 255).astype(np.uint8)


def _blurred(picture: _Light, sigma: float) -> _Light:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.float32)


def compress_alike(weathered: Image, clean: Image, rng: np.random.Generator) -> tuple[Image, Image]:
    """Compresses one pair in four as JPEG; both images get the same random quality.

    The network learns to remove weather from compressed images, but not to remove JPEG artefacts.
    """
    if rng.random() >= 0.25:
        return weathered, clean
    quality = int(rng.integers(60, 99))
    return compress(weathered, quality), compress(clean, quality)


def compress(image: Image, quality: int) -> Image:
    """Compresses an image as JPEG with a quality from 1 to 100, and decodes it again."""
    _, packed = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
