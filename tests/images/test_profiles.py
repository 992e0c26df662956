"""Colour profiles travel from any format into PNG."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageCms

from spikerain_edge.images import Image
from spikerain_edge.images.profiles import colour_profile, with_profile
from spikerain_edge.images.reading import read_pages

Draw = Callable[..., Image]
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
LAB = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()


def stored(image: Image, form: str, profile: bytes | None = SRGB) -> bytes:
    content = io.BytesIO()
    Pillow.fromarray(image[..., ::-1]).save(content, form, icc_profile=profile)
    return content.getvalue()


@pytest.mark.parametrize(
    ("form", "suffix"), [("JPEG", ".jpg"), ("PNG", ".png"), ("WEBP", ".webp"), ("TIFF", ".tif")]
)
def test_a_profile_is_found_in_every_format(
    tmp_path: Path, picture: Draw, form: str, suffix: str
) -> None:
    path = tmp_path / f"x{suffix}"
    path.write_bytes(stored(picture(), form))
    (page,) = read_pages(path)
    assert page.profile == SRGB
    path.write_bytes(stored(picture(), form, None))
    (page,) = read_pages(path)
    assert page.profile is None


def test_a_png_keeps_a_profile_and_its_pixels(picture: Draw) -> None:
    plain = cv2.imencode(".png", picture())[1].tobytes()
    coloured = with_profile(plain, SRGB)
    with Pillow.open(io.BytesIO(coloured)) as image:
        assert image.info["icc_profile"] == SRGB
    shown = cv2.imdecode(np.frombuffer(coloured, np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(shown, picture())


def test_a_profile_of_other_colours_is_left_out(picture: Draw) -> None:
    assert colour_profile(stored(picture(), "JPEG", LAB), "JPEG") is None


def test_what_only_looks_like_a_profile_is_none() -> None:
    assert colour_profile(b"\xff\xd8\xff ICC_PROFILE", "JPEG") is None
