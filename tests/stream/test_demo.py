"""The demo camera's scene."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from scenery.painter import StreetPainter
from scenery.traffic import LOOP
from spikerain_edge.errors import InputError
from spikerain_edge.stream import demo
from spikerain_edge.stream.demo import DemoScene

CLIP = Path(demo.__file__).with_name("demo.mp4")


@pytest.fixture(scope="module")
def scene() -> DemoScene:
    return DemoScene()


def test_frames_have_the_size_and_type_of_the_clip(scene: DemoScene) -> None:
    for frame in (scene.clean(0), scene.rainy(0)):
        assert frame.shape == (360, 640, 3)
        assert frame.dtype == np.uint8


@pytest.mark.slow
def test_same_seed_gives_the_same_frames_in_any_order(scene: DemoScene) -> None:
    again = DemoScene()
    for index in (11, 3):
        np.testing.assert_array_equal(scene.clean(index), again.clean(index))
    for index in (3, 11):
        np.testing.assert_array_equal(scene.rainy(index), again.rainy(index))


@pytest.mark.slow
def test_another_seed_gives_another_picture_in_other_rain(scene: DemoScene) -> None:
    other = DemoScene(seed=8)
    assert np.abs(scene.clean(0).astype(int) - other.clean(0)).mean() > 10
    rains = [each.rainy(0).astype(int) - each.clean(0) for each in (scene, other)]
    assert np.abs(rains[0] - rains[1][:, ::-1]).mean() > 1


@pytest.mark.slow
def test_even_seeds_mirror_the_street() -> None:
    # By seed 8 the loop begins 97 frames later.
    np.testing.assert_array_equal(DemoScene(seed=8).clean(0)[:, ::-1], DemoScene().clean(97))


def test_traffic_moves_and_the_rest_stands_still(scene: DemoScene) -> None:
    moved = (np.abs(scene.clean(0).astype(int) - scene.clean(10)) > 20).any(axis=2)
    assert 0.001 < moved.mean() < 0.2


@pytest.mark.slow
def test_the_loop_has_no_seam(scene: DemoScene) -> None:
    def step(before: int, after: int) -> float:
        return float(np.abs(scene.clean(before).astype(int) - scene.clean(after)).mean())

    ordinary = [step(index, index + 1) for index in range(0, LOOP, 50)]
    assert step(LOOP - 1, LOOP) < max(ordinary)
    np.testing.assert_array_equal(scene.clean(LOOP), scene.clean(0))


@pytest.mark.slow
def test_the_clip_shows_what_the_painter_paints(scene: DemoScene) -> None:
    painter = StreetPainter()
    for index in (0, 1):
        assert cv2.PSNR(scene.clean(index), painter.paint(index)) > 40


@pytest.mark.slow
def test_the_painted_street_loops() -> None:
    painter = StreetPainter(90, 160)
    np.testing.assert_array_equal(painter.paint(3), painter.paint(LOOP + 3))


def test_the_clip_is_small_and_decodes_without_a_conversion_of_colours() -> None:
    assert CLIP.stat().st_size < 2_000_000
    with av.open(CLIP) as container:
        assert container.streams.video[0].codec_context.pix_fmt == "gbrp"
        assert container.streams.video[0].average_rate == 25


def test_opencv_decodes_the_clip_to_the_same_pixels(scene: DemoScene) -> None:
    capture = cv2.VideoCapture(str(CLIP))
    for index in range(3):
        read, frame = capture.read()
        assert read
        np.testing.assert_array_equal(frame, scene.clean(index))
    capture.release()


def test_the_picture_has_the_contrast_and_texture_of_a_photograph(scene: DemoScene) -> None:
    grey = scene.clean(0).mean(axis=2)
    assert 60 < grey.mean() < 160
    assert grey.std() > 30
    assert np.abs(np.diff(grey, axis=1)).mean() > 3


def test_rain_brightens_some_pixels_and_darkens_none(scene: DemoScene) -> None:
    clean, rainy = scene.clean(5).astype(int), scene.rainy(5).astype(int)
    assert (rainy >= clean).all()
    assert 0.03 < (rainy > clean + 20).any(axis=2).mean() < 0.4


def test_rain_falls(scene: DemoScene) -> None:
    veil = [scene.rainy(index).astype(int) - scene.clean(index) for index in (0, 1)]
    assert np.abs(veil[0] - veil[1]).mean() > 1


@pytest.mark.parametrize("size", [(64, 64), (65, 97), (97, 65), (720, 1280)])
def test_any_size_works(size: tuple[int, int]) -> None:
    scene = DemoScene(*size)
    assert scene.clean(0).shape == scene.rainy(1).shape == (*size, 3)


@pytest.mark.parametrize("content", [None, b"", b"\0" * 3_000_000])
def test_a_clip_that_is_not_the_shipped_one_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
) -> None:
    clip = tmp_path / "demo.mp4"
    if content is not None:
        clip.write_bytes(content)
    monkeypatch.setattr(demo, "_CLIP", clip)
    with pytest.raises(InputError, match="pip install --force-reinstall") as raised:
        DemoScene()
    assert str(clip) in str(raised.value)


def test_frames_can_be_changed_by_their_owner(scene: DemoScene) -> None:
    first = scene.clean(2)
    expected = first.copy()
    first[:] = 0
    np.testing.assert_array_equal(scene.clean(2), expected)
