"""Pictures that are partly transparent, or have a colour profile."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image as Pillow
from PIL import ImageCms
from stream_parts import inverted

from spikerain_edge.images import Image
from spikerain_edge.stream.pipeline import Pipeline
from spikerain_edge.stream.sinks import open_sink
from spikerain_edge.stream.sources import open_source

Draw = Callable[..., Image]
ALPHA = np.linspace(0, 255, 48 * 64).astype(np.uint8).reshape(48, 64)


@pytest.fixture
def glass(tmp_path: Path, picture: Draw) -> Path:
    path = tmp_path / "glass.png"
    path.write_bytes(cv2.imencode(".png", np.dstack([picture(), ALPHA]))[1].tobytes())
    return path


def stored(path: Path) -> npt.NDArray[np.uint8]:
    image = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    assert image is not None
    return np.asarray(image, np.uint8)


@pytest.mark.parametrize("name", ["out/", "out/glass.png", "out/glass.tif"])
def test_opacity_is_kept_and_colours_are_derained(
    glass: Path, tmp_path: Path, picture: Draw, name: str
) -> None:
    Pipeline(open_source(str(glass)), inverted, [open_sink(f"{tmp_path}/{name}", 25)]).run()
    (written,) = (tmp_path / "out").iterdir()
    np.testing.assert_array_equal(stored(written), np.dstack([255 - picture(), ALPHA]))


def test_both_halves_are_transparent(glass: Path, tmp_path: Path, picture: Draw) -> None:
    sink = open_sink(f"{tmp_path}/out/", 25)
    Pipeline(open_source(str(glass)), inverted, [sink], side_by_side=True).run()
    halves = np.split(stored(tmp_path / "out" / "glass.png"), 2, axis=1)
    for half, image in zip(halves, (picture(), 255 - picture()), strict=True):
        np.testing.assert_array_equal(half, np.dstack([image, ALPHA]))


def test_opacity_is_scaled_with_its_picture(glass: Path, tmp_path: Path) -> None:
    sink = open_sink(f"{tmp_path}/out/", 25)
    Pipeline(open_source(str(glass)), inverted, [sink], size=(32, 24)).run()
    expected = cv2.resize(ALPHA, (32, 24), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(stored(tmp_path / "out" / "glass.png")[..., 3], expected)


@pytest.mark.parametrize("name", ["out.jpg", "out.bmp", "out.mp4"])
def test_what_cannot_be_transparent_says_so(
    glass: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    with caplog.at_level(logging.WARNING):
        Pipeline(open_source(str(glass)), inverted, [open_sink(f"{tmp_path}/{name}", 25)]).run()
    said = f"{glass} is transparent, which {tmp_path}/{name} cannot be: write .png to keep it"
    assert caplog.messages == [said]


def test_a_folder_of_png_keeps_the_colour_profile(tmp_path: Path, picture: Draw) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Pillow.fromarray(picture()).save(tmp_path / "shot.jpg", icc_profile=profile)
    sinks = [open_sink(f"{tmp_path}/{name}", 25) for name in ("out/", "one.png", "one.bmp")]
    Pipeline(open_source(str(tmp_path / "shot.jpg")), inverted, sinks).run()
    for name in ("out/shot.png", "one.png"):
        with Pillow.open(tmp_path / name) as image:
            assert image.info["icc_profile"] == profile
    np.testing.assert_array_equal(stored(tmp_path / "one.png"), stored(tmp_path / "one.bmp"))
