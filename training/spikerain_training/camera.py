"""What a camera does to a picture, in clear weather as in rain: the network leaves it alone."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]


def degrade(image: Image, rng: np.random.Generator) -> Image:
    """What a camera does to a rain-free picture: blur, exposure, gamma, white balance, noise.

    The network is asked to leave all of it alone, so both pictures of a pair have it.
    """
    picture = image.astype(np.float32) / 255
    if rng.random() < 0.15:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 1.5)), np.float32)
    picture = picture ** np.float32(np.exp(rng.normal(0, 0.25)))
    picture = picture * np.exp(rng.normal(0, 0.15)) * np.exp(rng.normal(0, 0.04, 3))
    if rng.random() < 0.3:
        picture = picture + rng.normal(0, rng.uniform(0, 0.015), picture.shape)
    return np.clip(picture * 255 + 0.5, 0, 255).astype(np.uint8)


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
