from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from spikerain_edge.images import Image
from spikerain_edge.images.metrics import psnr_luma
from spikerain_training.evaluation.clip_scores import (
    WARM_UP,
    frame_change,
    kept_tracks,
    score_clip,
    static_region,
)


@pytest.fixture(scope="module")
def scene() -> Image:
    rng = np.random.default_rng(0)
    noise = cv2.GaussianBlur(rng.normal(0, 1, (72, 96, 3)), (0, 0), 2)
    return np.clip(110 + 200 * noise, 60, 180).astype(np.uint8)


def test_frames_before_the_warm_up_do_not_count(scene: Image) -> None:
    truth = [scene] * 6
    black = np.zeros_like(scene)

    spoiled = score_clip([black, black, *truth[2:4], scene + 2, scene + 2], truth)

    late = score_clip([scene, scene, *truth[2:4], scene + 2, scene + 2], truth)
    assert spoiled == late
    assert WARM_UP == 2


def test_psnr_is_the_mean_over_frames(scene: Image) -> None:
    frames = [scene, scene, scene + 4, scene + 8]

    found = score_clip(frames, [scene] * 4)

    expected = (psnr_luma(scene + 4, scene) + psnr_luma(scene + 8, scene)) / 2
    assert found.psnr_y == pytest.approx(expected)


def test_an_error_that_stays_does_not_flicker_and_neither_does_motion(scene: Image) -> None:
    truth = [np.roll(scene, 3 * shift, axis=1) for shift in range(6)]
    constant = [frame + 5 for frame in truth]
    changing = [frame + 5 * (number % 2) for number, frame in enumerate(truth)]

    assert score_clip(constant, truth).flicker == pytest.approx(0, abs=1e-9)
    # Five levels of RGB are 5 * 219 / 255 levels of luma.
    assert score_clip(changing, truth).flicker == pytest.approx(5 * 219 / 255)


def test_a_short_clip_is_refused(scene: Image) -> None:
    with pytest.raises(ValueError, match="too short"):
        score_clip([scene] * 3, [scene] * 3)
    assert math.isnan(kept_tracks([scene] * 12))


def test_rain_does_not_hide_what_is_static_but_a_moving_thing_does(scene: Image) -> None:
    rng = np.random.default_rng(1)
    frames = []
    for number in range(72):
        frame = scene.copy()
        frame[:, rng.integers(48, 96)] = 250  # rain in the right half
        frame[10:20, number : number + 20] = 0  # a thing that passes by
        frames.append(frame)

    region = static_region(frames)

    assert region[30:].mean() > 0.98
    assert region[12:18, 22:60].mean() < 0.2
    still = frame_change([scene] * 72, region)
    assert still == 0
    assert frame_change(frames, region) > 1


def test_tracks_live_in_a_scene_that_moves_and_die_in_noise(scene: Image) -> None:
    rng = np.random.default_rng(1)
    large = cv2.resize(scene, (200, 150), interpolation=cv2.INTER_CUBIC)
    moving = [np.ascontiguousarray(large[10:120, shift : shift + 150]) for shift in range(14)]
    noise = [rng.integers(0, 256, (110, 150, 3), np.uint8) for _ in range(14)]

    assert kept_tracks(moving) > 20
    assert kept_tracks(noise) < 3
    assert kept_tracks([np.zeros_like(moving[0])] * 14) == 0
