from __future__ import annotations

from dataclasses import replace

import numpy as np

from spikerain_edge.images import Image
from spikerain_edge.weather import (
    FogStyle,
    MistyRain,
    Rain,
    RainStyle,
    sample_defocused_style,
    sample_misty_rain,
)

SIZE = (96, 128)
STREAKS = RainStyle(coverage=0.1, brightness=0.8, softness=0.0, layers=1, blend="alpha")
MIST = FogStyle(visibility=200.0, near=20.0, far=200.0, patchiness=0.0, airlight=(0.8, 0.8, 0.8))


def black() -> Image:
    return np.zeros((*SIZE, 3), np.uint8)


def test_far_streaks_fade_in_the_mist_and_near_ones_do_not() -> None:
    none = replace(STREAKS, coverage=0.0)
    mist = MistyRain(none, none, MIST, SIZE, 5).render(black())
    behind = MistyRain(none, STREAKS, MIST, SIZE, 5).render(black())
    before = MistyRain(STREAKS, none, MIST, SIZE, 5).render(black())

    far_away, close_by = np.s_[:24], np.s_[-24:]
    added = [float((behind[rows].astype(int) - mist[rows]).max()) for rows in (far_away, close_by)]
    # White streaks of opacity 0.8 reach 80 % of the way from the mist to white.
    assert added[0] < 0.3 * added[1]
    assert before[far_away].max() > 220
    assert before[close_by].max() > 180


def test_mist_hides_the_distance_most() -> None:
    none = replace(STREAKS, coverage=0.0)
    mist = MistyRain(none, none, MIST, SIZE, 5).render(black())

    np.testing.assert_allclose(mist[0], 0.95 * 0.8 * 255, atol=1)
    assert (np.diff(mist[..., 0].astype(int), axis=0) <= 0).all()


def test_streaks_and_mist_of_one_scene_share_airlight_and_direction() -> None:
    for seed in range(20):
        shower = sample_misty_rain(np.random.default_rng(seed), SIZE, seed)

        assert shower.near.style.colour == shower.far.style.colour == shower.mist.style.airlight
        assert shower.near.style.angle == shower.far.style.angle
        assert shower.far.style.length <= max(2.0, 0.6 * shower.near.style.length)
        transmission = shower.mist.transmission()
        assert 0.1 < transmission.min() < transmission.max() < 1


def test_drops_out_of_focus_are_large_and_soft() -> None:
    slopes = []
    for seed in range(12):
        style = sample_defocused_style(np.random.default_rng(seed))
        light = Rain(replace(style, coverage=0.2), SIZE, seed).streaks()
        slopes.append(float(np.abs(np.diff(light, axis=1)).max() / light.max()))
        assert style.width >= 3
        assert style.softness >= 1

    sharp = Rain(replace(STREAKS, width=4.0), SIZE, 0).streaks()
    sharp_slope = float(np.abs(np.diff(sharp, axis=1)).max() / sharp.max())
    assert np.median(slopes) < 0.5 * sharp_slope
