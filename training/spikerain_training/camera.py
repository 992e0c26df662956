"""What a camera does to a picture, in clear weather as in rain: the network leaves it alone."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from spikerain_edge.images import Image

_Light = npt.NDArray[np.floating[Any]]


def degrade(image: Image, rng: np.random.Generator) -> Image:
    """What a camera does to a rain-free picture: focus, exposure, gamma, white balance, noise.

    The network is asked to leave all of it alone, so both pictures of a pair have it.
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
    """Both pictures as JPEG of one random quality, in one case of four.

    The network learns to see weather through compression, not to remove compression: a dry picture
    shall come back as it was.
    """
    if rng.random() >= 0.25:
        return weathered, clean
    quality = int(rng.integers(60, 99))
    return compress(weathered, quality), compress(clean, quality)


def compress(image: Image, quality: int) -> Image:
    """An image after JPEG compression of a quality from 1 to 100."""
    _, packed = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
