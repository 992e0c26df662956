from __future__ import annotations

import cv2
import numpy as np
import pytest

from spikerain_edge.gate.evidence import View, weigh
from spikerain_edge.gate.movement import Scene, movement
from spikerain_edge.images import Image

SIDE = 192


def scene(seed: int = 0, height: int = SIDE, width: int = SIDE) -> Image:
    """A textured picture between 40 and 160 levels."""
    noise = np.random.default_rng(seed).normal(0, 1, (height, width, 3))
    smooth = cv2.GaussianBlur(noise, (0, 0), 3)
    return np.clip(100 + 20 * smooth / smooth.std(), 40, 160).astype(np.uint8)


def streaks(seed: int) -> Image:
    """Light of vertical streaks, 60 levels on one pixel of 24."""
    light = np.zeros((SIDE, SIDE, 3), np.uint8)
    rng = np.random.default_rng(seed)
    for _ in range(SIDE * SIDE // (24 * 16)):
        y, x = rng.integers(0, SIDE - 16), rng.integers(0, SIDE)
        light[y : y + 16, x] = 60
    return light


def noisy(image: Image, seed: int) -> Image:
    noise = np.random.default_rng(seed).normal(0, 4, image.shape)
    return np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)


def test_removed_rain_is_the_share_of_the_change_that_it_makes_up() -> None:
    clean, one, two = scene(), streaks(1), streaks(2)
    half = View(clean + one, clean + two, clean + one // 2, clean + two // 2)
    all_of_it = View(clean + one, clean + two, clean, clean)

    assert weigh([half]).share == pytest.approx(weigh([all_of_it]).share / 2, rel=0.01)
    # A fifth counts as unchanged.
    assert weigh([all_of_it]).share == pytest.approx(1 / 1.2, abs=0.02)


def test_light_is_what_is_removed_from_a_frame_in_levels_per_pixel() -> None:
    clean, one, two = scene(), streaks(1), streaks(2)
    light = weigh([View(clean + one, clean + two, clean, clean)]).light
    # Where streaks of both frames overlap nothing changes.
    changing = np.abs(one.astype(float) - two)[16:-16, 16:-16].mean() / 2

    assert light == pytest.approx(changing, rel=0.03)


def test_noise_that_passes_the_network_is_no_evidence() -> None:
    clean = scene()
    one, two = noisy(clean, 1), noisy(clean, 2)
    evidence = weigh([View(one, two, one.copy(), two.copy())])

    assert (evidence.share, evidence.light) == (0, 0)


def test_texture_that_is_removed_from_both_frames_is_no_evidence() -> None:
    clean = scene()
    one, two = noisy(clean, 1), noisy(clean, 2)
    texture = np.where(clean > 120, 15, 0).astype(np.uint8)

    assert weigh([View(one, two, one - texture, two - texture)]).share == pytest.approx(0, abs=1e-6)


def test_texture_that_moves_with_the_camera_is_evidence_only_if_that_is_not_known() -> None:
    wide = scene(height=SIDE, width=SIDE + 6)
    removed = wide - np.where(wide > 120, 15, 0).astype(np.uint8)
    view = View(wide[:, 6:], wide[:, :-6], removed[:, 6:], removed[:, :-6])

    assert weigh([view]).share > 0.1
    assert abs(weigh([view], (6.0, 0.0)).share) < 0.02


def test_tiny_frames_can_be_weighed() -> None:
    small = scene(height=16, width=16)

    assert weigh([View(small, small, small, small)]).share == 0


@pytest.mark.parametrize(("right", "down"), [(0, 0), (7, 0), (-3, 5)])
def test_the_movement_of_a_camera_is_found(right: int, down: int) -> None:
    wide = cv2.GaussianBlur(scene(height=520, width=680), (0, 0), 4)
    wide = cv2.normalize(wide, None, 0, 255, cv2.NORM_MINMAX)
    earlier = wide[20:500, 20:660]
    later = wide[20 - down : 500 - down, 20 - right : 660 - right]

    assert movement(earlier, later) == pytest.approx((right, down), abs=0.6)


def test_a_cut_is_noticed_and_a_change_of_exposure_is_not() -> None:
    watched = Scene()
    first = cv2.resize(scene(1, 12, 16), (320, 240), interpolation=cv2.INTER_CUBIC)
    other = cv2.resize(scene(2, 12, 16), (320, 240), interpolation=cv2.INTER_CUBIC)
    brighter = cv2.convertScaleAbs(first, alpha=1.3)

    assert not watched.continues(first, 0)
    assert watched.continues(noisy(first, 1), 0)
    assert watched.continues(brighter, 0)
    assert not watched.continues(other, 0)
    assert watched.continues(other, 0)
    assert not watched.continues(other, 1)
    assert not watched.continues(other[:200], 1)


def test_a_movement_that_explains_nothing_is_not_believed() -> None:
    clean, one, two = scene(), streaks(1), streaks(2)
    view = View(clean + one, clean + two, clean, clean)

    assert weigh([view], (2.0, -1.0)) == weigh([view])
