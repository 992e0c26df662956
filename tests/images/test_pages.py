"""Files of several images: none is lost in silence, and each is shown as long as it says."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from spikerain_edge.errors import InputError
from spikerain_edge.images import Image
from spikerain_edge.images.gif import durations_of_gif, is_damaged_gif
from spikerain_edge.images.pages import images_in
from spikerain_edge.images.reading import read_pages
from spikerain_edge.stream.sources import open_source

Draw = Callable[..., Image]
ANIMATED = ["GIF", "PNG", "WEBP"]


@pytest.fixture(autouse=True)
def _reads_animations() -> None:
    if not hasattr(cv2, "imdecodeanimation"):
        pytest.skip("this OpenCV cannot read animations")


def animation(form: str, draw: Draw, milliseconds: list[int]) -> bytes:
    stored = io.BytesIO()
    first, *others = (Pillow.fromarray(draw(seed, 120, 160)) for seed, _ in enumerate(milliseconds))
    first.save(stored, form, save_all=True, append_images=others, duration=milliseconds)
    return stored.getvalue()


@pytest.mark.parametrize("form", ANIMATED)
def test_frames_of_an_animation_are_shown_as_long_as_it_says(
    tmp_path: Path, picture: Draw, form: str
) -> None:
    path = tmp_path / "x"
    path.write_bytes(animation(form, picture, [100, 500, 1000, 40]))
    frames = list(open_source(str(path)))
    assert [frame.duration for frame in frames] == pytest.approx([0.1, 0.5, 1, 0.04])
    assert [frame.time for frame in frames] == pytest.approx([0, 0.1, 0.6, 1.6])


def test_a_frame_of_no_duration_is_shown_as_browsers_do(tmp_path: Path, picture: Draw) -> None:
    path = tmp_path / "x.gif"
    path.write_bytes(animation("GIF", picture, [0, 10, 20]))
    assert [page.duration for page in read_pages(path)] == pytest.approx([0.1, 0.1, 0.02])


def test_images_and_pages_follow_each_other_at_the_rate_of_the_source(
    tmp_path: Path, picture: Draw
) -> None:
    pages = [Pillow.fromarray(picture(seed)) for seed in range(2)]
    pages[0].save(tmp_path / "1.tif", save_all=True, append_images=pages[1:])
    pages[0].save(tmp_path / "2.png")
    (tmp_path / "3.gif").write_bytes(animation("GIF", picture, [300, 300]))
    pages[0].save(tmp_path / "4.png")
    source = open_source(str(tmp_path))
    step = 1 / source.rate
    times = [frame.time for frame in source]
    assert times == pytest.approx([0, step, 2 * step, 3 * step, 3 * step + 0.3, 3 * step + 0.6])


def test_a_tiff_with_a_page_that_cannot_be_decoded_is_refused(
    tmp_path: Path, picture: Draw
) -> None:
    image = Pillow.fromarray(picture())
    measured = Pillow.fromarray(np.full((48, 64), 0.5, np.float32))
    image.save(tmp_path / "x.tif", save_all=True, append_images=[measured, image])
    with pytest.raises(InputError, match=r"x\.tif holds 3 images, of which 1 can be decoded"):
        read_pages(tmp_path / "x.tif")


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP"])
def test_a_damaged_animation_is_refused(tmp_path: Path, picture: Draw, form: str) -> None:
    content = animation(form, picture, [100] * 4)
    path = tmp_path / "x"
    for share in (0.3, 0.5, 0.8):
        at = int(share * len(content))
        for damaged in (content[:at], content[:at] + bytes(700) + content[at + 700 :]):
            path.write_bytes(damaged)
            with pytest.raises(InputError, match=str(path)):
                read_pages(path)


@pytest.mark.parametrize("images", [1, 2, 5])
def test_the_images_of_a_file_are_counted_without_decoding(picture: Draw, images: int) -> None:
    for form, name in (("GIF", "GIF"), ("PNG", "PNG"), ("WEBP", "WebP"), ("TIFF", "TIFF")):
        assert images_in(animation(form, picture, [100] * images), name) == images


def test_a_gif_without_its_end_mark_is_whole(picture: Draw) -> None:
    content = animation("GIF", picture, [100, 100])
    assert content.endswith(b";")
    assert not is_damaged_gif(content[:-1])
    assert durations_of_gif(content[:-1]) == pytest.approx([0.1, 0.1])
    assert is_damaged_gif(content[:-3])
    assert is_damaged_gif(b"GIF89a")
