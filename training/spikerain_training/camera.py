"""Camera effects, which the network must leave alone in clear weather as in rain."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from spikerain_edge.images import Image

_Light = npt.NDArray[np.floating[Any]]


def degrade(image: Image, rng: np.random.Generator) -> Image:
    """Applies random camera effects: focus, exposure, gamma, white balance, noise.

    Both pictures of a pair get the same effects, so the network learns to leave them alone.
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
    """Compresses both pictures as JPEG of one random quality, one pair in four.

    The network learns to remove weather from compressed pictures, but not the compression itself.
    """
    if rng.random() >= 0.25:
        return weathered, clean
    quality = int(rng.integers(60, 99))
    return compress(weathered, quality), compress(clean, quality)


def compress(image: Image, quality: int) -> Image:
    """Compresses an image as JPEG, quality 1 to 100, and decodes it."""
    _, packed = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
