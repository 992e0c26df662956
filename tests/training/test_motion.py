from __future__ import annotations

import cv2
import numpy as np
import pytest

from spikerain_edge.images import Image
from spikerain_training.motion import MARGIN, MOTIONS, Motion, filmed, passed_by, sample_blob

SIDE = 64


@pytest.fixture(scope="module")
def picture() -> Image:
    rng = np.random.default_rng(0)
    side = SIDE + 2 * MARGIN
    noise = rng.integers(0, 256, (side, side, 3), np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 2).astype(np.uint8)


def moving(*shifts: tuple[float, float], zoom: float = 1.0, turn: float = 0.0) -> Motion:
    count = len(shifts)
    return Motion(np.array(shifts, float), np.full(count, zoom), np.full(count, turn))


@pytest.mark.parametrize("kind", MOTIONS)
def test_the_seed_decides_how_a_camera_moves(kind: str, picture: Image) -> None:
    first, again, other = (
        filmed(picture, MOTIONS[kind](4, np.random.default_rng(seed)), SIDE) for seed in (1, 1, 2)
    )

    np.testing.assert_array_equal(first, again)
    moves = [not np.array_equal(frame, first[0]) for frame in first[1:]]
    assert all(moves) if kind != "static" else not any(moves)
    assert np.array_equal(first, other) == (kind == "static")


def test_a_camera_that_moves_by_whole_pixels_shows_other_parts(picture: Image) -> None:
    first, second = filmed(picture, moving((0, 0), (5, -3)), SIDE)

    middle = picture[MARGIN : MARGIN + SIDE, MARGIN : MARGIN + SIDE]
    np.testing.assert_array_equal(first, middle)
    moved = picture[MARGIN - 3 : MARGIN - 3 + SIDE, MARGIN + 5 : MARGIN + 5 + SIDE]
    np.testing.assert_array_equal(second, moved)


def test_a_camera_that_turns_by_a_right_angle_turns_the_picture(picture: Image) -> None:
    (frame,) = filmed(picture, moving((0, 0), turn=np.pi / 2), SIDE)

    middle = picture[MARGIN : MARGIN + SIDE, MARGIN : MARGIN + SIDE]
    difference = frame.astype(int) - np.rot90(middle, -1)
    other_way = frame.astype(int) - np.rot90(middle)
    assert min(abs(difference).max(), abs(other_way).max()) <= 1


def test_zooming_out_shows_more(picture: Image) -> None:
    (frame,) = filmed(picture, moving((0, 0), zoom=1.5), SIDE)

    shrunk = cv2.resize(picture, None, fx=1 / 1.5, fy=1 / 1.5, interpolation=cv2.INTER_CUBIC)
    edge = (len(shrunk) - SIDE) // 2
    middle = shrunk[edge : edge + SIDE, edge : edge + SIDE].astype(int)
    assert abs(frame.astype(int) - middle).mean() < 3
    assert abs(frame.astype(int) - picture[MARGIN:-MARGIN, MARGIN:-MARGIN]).mean() > 9


def test_a_thing_covers_its_mask_and_moves_by_itself(picture: Image) -> None:
    frames = [np.zeros((SIDE, SIDE, 3), np.uint8)] * 2
    mask = np.zeros(picture.shape[:2], np.float32)
    mask[60:70, 50:60] = 1
    thing = np.full_like(picture, 200)

    first, second = passed_by(frames, thing, mask, moving((0, 0), (-4, 2)), SIDE)

    for frame, (x, y) in zip((first, second), ((0, 0), (4, -2)), strict=True):
        top, left = 60 - MARGIN + y, 50 - MARGIN + x
        assert (frame[top : top + 10, left : left + 10] == 200).all()
        assert (frame > 0).sum() == 10 * 10 * 3


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_a_blob_covers_its_share(share: float) -> None:
    blob = sample_blob(100, share, np.random.default_rng(3))

    assert blob.mean() == pytest.approx(share, abs=0.05)
    assert 0 <= blob.min() < blob.max() <= 1 + 1e-6
