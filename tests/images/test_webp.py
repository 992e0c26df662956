"""Damage in WebP files: whole ones pass, whatever they show; damaged ones do not."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow
from skimage import data

from spikerain_edge.errors import InputError
from spikerain_edge.images import Image
from spikerain_edge.images.reading import read_image, read_pages
from spikerain_edge.images.webp import is_damaged_webp

PHOTOGRAPH = np.ascontiguousarray(data.astronaut()[:256, :320])


def packed(image: Image, **options: object) -> bytes:
    stored = io.BytesIO()
    Pillow.fromarray(image).save(stored, "WEBP", **options)
    return stored.getvalue()


def drawing(kind: str) -> Image:
    image = np.zeros((400, 500, 3), np.uint8)
    if kind == "text":
        cv2.putText(image, "rain", (50, 200), cv2.FONT_HERSHEY_SIMPLEX, 4, (200, 30, 30), 3)
    elif kind == "mask":
        image[...] = (data.astronaut()[:400, :500] > 100) * np.uint8(255)
    elif kind == "dots":
        chance = np.random.default_rng(0)
        image[chance.integers(0, 400, 60), chance.integers(0, 500, 60)] = 255
    return image


@pytest.mark.parametrize("quality", [0, 30, 75, 100])
@pytest.mark.parametrize("method", [0, 4])
def test_a_damaged_lossy_image_is_refused(tmp_path: Path, quality: int, method: int) -> None:
    content = packed(PHOTOGRAPH, quality=quality, method=method)
    path = tmp_path / "x.webp"
    path.write_bytes(content)
    whole = read_image(path)
    chance = np.random.default_rng(quality)
    for number in range(8):
        size = len(content) // 10
        at = int(chance.integers(len(content) // 10, len(content) - size))
        new = bytes(size) if number % 2 else chance.bytes(size)
        path.write_bytes(content[:at] + new + content[at + size :])
        with pytest.raises(InputError, match=r"x\.webp"):
            read_image(path)
    path.write_bytes(content)
    np.testing.assert_array_equal(read_image(path), whole)


@pytest.mark.parametrize("options", [{"quality": 60}, {"lossless": True, "method": 0}])
@pytest.mark.parametrize("kind", ["black", "text", "mask", "dots"])
def test_a_drawing_is_not_damaged(kind: str, options: dict[str, object]) -> None:
    assert not is_damaged_webp(packed(drawing(kind), **options))


def test_whole_images_of_all_sizes_pass() -> None:
    chance = np.random.default_rng(0)
    for _ in range(40):
        height, width = chance.integers(1, 200, 2)
        image = np.ascontiguousarray(PHOTOGRAPH[:height, :width])
        quality, method = int(chance.integers(0, 101)), int(chance.integers(0, 7))
        assert not is_damaged_webp(packed(image, quality=quality, method=method))


def test_every_frame_of_an_animation_is_checked(tmp_path: Path) -> None:
    frames = [np.roll(PHOTOGRAPH, 9 * number, axis=1) for number in range(4)]
    others = [Pillow.fromarray(frame) for frame in frames[1:]]
    content = packed(frames[0], save_all=True, append_images=others)
    path = tmp_path / "x.webp"
    path.write_bytes(content)
    assert len(read_pages(path)) in {1, 4}
    third = len(content) * 5 // 8
    for damaged in (content[:third], content[:third] + bytes(900) + content[third + 900 :]):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=r"x\.webp is damaged or cut off"):
            read_pages(path)
