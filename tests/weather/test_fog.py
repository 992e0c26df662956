from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from spikerain_edge.images import Image
from spikerain_edge.weather import Fog, FogStyle, sample_fog_style
from spikerain_edge.weather.clouds import Clouds

SIZE = (60, 80)
EVEN = FogStyle(patchiness=0.0)
# A scene at one distance in fog without banks: the transmission is the same everywhere.
WALL = replace(EVEN, near=100.0, far=100.0)


def picture(size: tuple[int, int] = SIZE) -> Image:
    return np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)


def sampled(seed: int) -> Fog:
    return Fog(sample_fog_style(np.random.default_rng(seed)), SIZE, seed)


def test_5_percent_of_the_light_remains_at_the_visibility() -> None:
    left = Fog(replace(WALL, visibility=100.0), SIZE, 0).transmission()

    np.testing.assert_allclose(left, 0.05, rtol=1e-5)


def test_the_picture_is_blended_with_airlight_by_the_transmission() -> None:
    half_left = 100.0 * math.log(20) / math.log(2)
    airlight = (0.2, 0.6, 1.0)

    foggy = Fog(replace(WALL, visibility=half_left, airlight=airlight), SIZE, 0).render(picture())

    expected = 0.5 * picture() + 0.5 * 255 * np.array(airlight)
    np.testing.assert_allclose(foggy, expected, atol=0.51)


def test_twice_the_distance_squares_the_transmission() -> None:
    near, far = (
        Fog(replace(WALL, near=way, far=way), SIZE, 0).transmission() for way in (40.0, 80.0)
    )

    np.testing.assert_allclose(far, near**2, rtol=1e-5)
    assert far.max() < near.min() < 1


def test_distance_grows_from_the_bottom_to_the_top() -> None:
    fog = Fog(replace(EVEN, near=5.0, far=80.0), SIZE, 0)

    assert fog.depth.shape == SIZE
    assert fog.depth[-1] == pytest.approx(5.0)
    assert fog.depth[0] == pytest.approx(80.0)
    assert (np.diff(fog.depth, axis=0) < 0).all()
    assert (np.diff(fog.transmission(), axis=0) > 0).all()


@pytest.mark.parametrize("tilt", [-20.0, 8.0])
def test_lines_of_equal_distance_have_the_tilt_of_the_style(tilt: float) -> None:
    fog = Fog(replace(EVEN, tilt=tilt), (200, 200), 0)

    down, right = np.gradient(np.log(fog.depth.astype(np.float64)))

    lean = np.degrees(np.arctan2(right, -down))
    np.testing.assert_allclose(lean, tilt, atol=0.2)
    assert fog.depth.min() == pytest.approx(EVEN.near, rel=1e-3)
    assert fog.depth.max() == pytest.approx(EVEN.far, rel=1e-3)


def test_fog_moves_every_pixel_towards_the_airlight_but_not_past_it() -> None:
    for seed in range(30):
        fog = sampled(seed)
        clear, airlight = picture().astype(float), 255 * np.array(fog.style.airlight)

        foggy = fog.render(picture(), time=seed / 3).astype(float)

        assert (foggy >= np.minimum(clear, airlight) - 0.51).all()
        assert (foggy <= np.maximum(clear, airlight) + 0.51).all()


def test_denser_fog_transmits_less_light_everywhere() -> None:
    for style in (EVEN, FogStyle()):
        by_visibility = [
            Fog(replace(style, visibility=visibility), SIZE, 1).transmission()
            for visibility in (1000.0, 200.0, 50.0)
        ]
        by_strength = [Fog(style, SIZE, 1).transmission(0.0, each) for each in (0.0, 0.5, 1.0)]
        for thin, thicker, thickest in (by_visibility, by_strength):
            assert (thin > thicker).all()
            assert (thicker > thickest).all()
            assert thickest.min() > 0


def test_strength_zero_does_not_change_the_picture() -> None:
    for seed in range(5):
        np.testing.assert_array_equal(sampled(seed).render(picture(), 2.0, 0.0), picture())


def test_banks_of_fog_are_smooth() -> None:
    left = Fog(replace(WALL, patchiness=0.5), (120, 160), 3).transmission()

    assert np.ptp(left) > 0.05
    for axis in (0, 1):
        assert np.abs(np.diff(left, axis=axis)).max() < 0.1 * np.ptp(left)


def test_banks_drift_with_the_wind() -> None:
    fog = Fog(replace(WALL, patchiness=0.5, drift=2.0), SIZE, 3)

    before, after = fog.transmission(0.0), fog.transmission(5.0)

    np.testing.assert_allclose(after[:, 10:], before[:, :-10], atol=1e-5)
    assert np.abs(after - before).max() > 0.01


def test_the_same_seed_gives_the_same_fog() -> None:
    first, again, other = (Fog(FogStyle(), SIZE, seed) for seed in (7, 7, 8))

    for time in (0.0, 3.5):
        foggy = first.render(picture(), time)
        np.testing.assert_array_equal(foggy, again.render(picture(), time))
        assert not np.array_equal(foggy, other.render(picture(), time))


def test_rendering_does_not_modify_its_input() -> None:
    clear = picture()

    foggy = Fog(FogStyle(), SIZE, 0).render(clear)

    np.testing.assert_array_equal(clear, picture())
    assert not np.array_equal(foggy, clear)


@pytest.mark.parametrize("size", [(1, 1), (1, 37), (53, 1), (17, 31)])
def test_fog_is_rendered_for_any_size(size: tuple[int, int]) -> None:
    foggy = Fog(FogStyle(tilt=3.0), size, 0).render(picture(size))

    assert foggy.shape == (*size, 3)
    assert foggy.dtype == np.uint8


def test_a_picture_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="60, 80"):
        Fog(FogStyle(), SIZE, 0).render(picture((80, 60)))


def test_sampled_styles_range_from_haze_to_thick_fog() -> None:
    fogs = [sampled(seed) for seed in range(80)]
    farthest = np.array([fog.transmission().min() for fog in fogs])

    assert len({fog.style for fog in fogs}) == 80
    assert farthest.min() < 0.1
    assert farthest.max() > 0.6
    for fog in fogs:
        shade = np.array(fog.style.airlight)
        assert (shade >= 0).all()
        assert (shade <= 1).all()
        assert np.ptp(shade) < 0.1, "fog is grey"


def test_clouds_have_the_documented_mean_and_deviation() -> None:
    values = np.concatenate(
        [
            Clouds(np.random.default_rng(seed))((40, 40), (977.0 * seed, 0.0)).ravel()
            for seed in range(200)
        ]
    )

    assert values.mean() == pytest.approx(0, abs=0.05)
    assert values.std() == pytest.approx(0.5, abs=0.03)
