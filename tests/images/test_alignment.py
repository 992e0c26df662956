"""Tests for the alignment of the previous frame."""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from spikerain_edge.images import Image
from spikerain_edge.images.alignment import align, camera_motion
from spikerain_edge.weather.kinds import sample_weather

Matrix = npt.NDArray[np.float64]


def town(height: int, width: int, seed: int = 0) -> Image:
    """A picture of many blocks, some large and some small."""
    rng = np.random.default_rng(seed)
    picture = np.full((height, width, 3), 90, np.uint8)
    for _ in range(height * width // 400):
        corner, size = rng.integers(0, (width, height)), rng.integers(4, 50, 2)
        colour = rng.integers(0, 200, 3).tolist()
        cv2.rectangle(picture, corner.tolist(), (corner + size).tolist(), colour, -1)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.8), np.uint8)


def similarity(shift: tuple[float, float], degrees: float, zoom: float, size: int) -> Matrix:
    """Maps places in a frame to those in the frame before, about the middle of the frame."""
    matrix = cv2.getRotationMatrix2D(((size - 1) / 2, (size - 1) / 2), degrees, zoom)
    return matrix + np.array([[0, 0, shift[0]], [0, 0, shift[1]]])


def views(motion: Matrix, size: int) -> tuple[Image, Image]:
    """Two frames (size, size, 3) of a camera that moves over a picture: before, and after."""
    margin = 60
    picture = town(size + 2 * margin, size + 2 * margin)
    there = motion.copy()
    there[:, 2] += margin
    middle = picture[margin:-margin, margin:-margin]
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return middle.copy(), np.asarray(cv2.warpAffine(picture, there, (size, size), flags=flags))


def falling(frames: tuple[Image, Image], strength: float = 1.0) -> tuple[Image, Image]:
    """The same frames behind rain."""
    rain = sample_weather("rain", frames[0].shape[:2], np.random.default_rng(3))
    first, second = (rain.render(frame, 5.0 + i, strength) for i, frame in enumerate(frames))
    return first, second


@pytest.mark.parametrize(
    "size", [192, *(pytest.param(size, marks=pytest.mark.slow) for size in (480, 723))]
)
@pytest.mark.parametrize(
    "motion", [((5.4, -2.3), 0.0, 1.0), ((1.2, 0.5), 0.8, 1.0), ((-3.0, 1.0), -0.3, 1.02)]
)
def test_pans_turns_and_zooms_are_found_behind_rain(
    size: int, motion: tuple[tuple[float, float], float, float]
) -> None:
    true = similarity(*motion, size)
    found = camera_motion(*falling(views(true, size)))
    assert found is not None
    ends = np.array([[x, y, 1.0] for x in (0, size - 1) for y in (0, size - 1)])
    wrong = np.linalg.norm(ends @ found.T - ends @ true.T, axis=1)
    assert wrong.max() < 0.5


def test_large_frames_are_aligned_by_fractions_of_a_pixel() -> None:
    size = 960
    true = similarity((0.0, 0.0), 0.0, 0.88, size)
    found = camera_motion(*views(true, size))
    assert found is not None
    middle = np.array([(size - 1) / 2, (size - 1) / 2, 1.0])
    assert np.abs(found @ middle - true @ middle).max() < 0.15


def test_what_is_aligned_is_what_the_camera_sees_now() -> None:
    before, now = views(similarity((4.6, -3.2), 0.4, 1.0, 240), 240)
    inner = np.s_[10:-10, 10:-10]
    aligned = align(before, now)
    assert cv2.PSNR(aligned[inner], now[inner]) > 40 > cv2.PSNR(before[inner], now[inner])


def test_what_the_frame_before_did_not_see_is_taken_from_the_frame() -> None:
    before, now = views(similarity((0.0, 12.0), 0.0, 1.0, 200), 200)
    aligned = align(before, now)
    np.testing.assert_array_equal(aligned[-10:], now[-10:])


@pytest.mark.parametrize("strength", [0.5, 2.0])
def test_a_camera_that_stands_still_gets_the_very_frame_before(strength: float) -> None:
    picture = town(360, 480)
    before, now = falling((picture, picture), strength)
    assert align(before, now) is before


def test_something_that_passes_by_is_not_followed() -> None:
    picture, thing = town(300, 400), town(110, 110, 1)
    before, now = picture.copy(), picture.copy()
    before[100:210, 100:210] = thing
    now[100:210, 110:220] = thing
    assert align(before, now) is before


@pytest.mark.parametrize("level", [0, 128])
def test_frames_without_structure_are_not_aligned(level: int) -> None:
    flat = np.full((64, 80, 3), level, np.uint8)
    assert align(flat, flat.copy()) is not None
    assert camera_motion(flat, flat.copy()) is None


def test_frames_of_different_scenes_are_not_aligned() -> None:
    before, now = town(200, 260, 1), town(200, 260, 2)
    assert align(before, now) is before


def test_the_smallest_and_the_narrowest_frames_are_taken() -> None:
    for height, width in ((16, 16), (16, 640), (640, 17)):
        picture = town(height, width)
        assert align(picture, picture.copy()) is picture


def test_the_same_frames_are_aligned_alike() -> None:
    frames = falling(views(similarity((3.3, 1.1), 0.2, 1.0, 220), 220))
    np.testing.assert_array_equal(align(*frames), align(*frames))
    assert math.isfinite(float(cv2.PSNR(*frames)))
