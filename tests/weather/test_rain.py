from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from skimage.feature import structure_tensor
from skimage.measure import label, regionprops
from skimage.registration import phase_cross_correlation

from spikerain_edge.images import Image
from spikerain_edge.weather import (
    Blend,
    Layer,
    Rain,
    RainStyle,
    blend,
    sample_downpour_style,
    sample_style,
    sample_wide_style,
)

SIZE = (60, 80)
BLENDS: tuple[Blend, ...] = ("additive", "screen", "alpha")
# One layer of equal parallel streaks, so the whole shower moves at one velocity.
PARALLEL = RainStyle(spread=0.0, variation=0.0, layers=1, coverage=0.05)


def picture(low: int = 0, high: int = 256, size: tuple[int, int] = SIZE) -> Image:
    return np.random.default_rng(0).integers(low, high, (*size, 3), np.uint8)


def streak_angle(layer: Layer) -> float:
    """Dominant direction of streaks, degrees from the vertical, positive leaning right."""
    rows, mixed, columns = (
        component.mean() for component in structure_tensor(layer, sigma=2, order="rc")
    )
    across = 0.5 * math.atan2(2 * mixed, columns - rows)
    return -math.degrees(across)


def test_the_same_seed_gives_the_same_rain() -> None:
    style = RainStyle(mist=0.1)
    first, again, other = Rain(style, SIZE, 7), Rain(style, SIZE, 7), Rain(style, SIZE, 8)

    for time in (0.0, 3.5):
        np.testing.assert_array_equal(first.streaks(time), again.streaks(time))
        rainy = first.render(picture(), time)
        np.testing.assert_array_equal(rainy, again.render(picture(), time))
        assert not np.array_equal(rainy, other.render(picture(), time))


def test_a_frame_does_not_depend_on_frames_rendered_before() -> None:
    shower, fresh = Rain(RainStyle(), SIZE, 7), Rain(RainStyle(), SIZE, 7)
    for time in range(5):
        shower.streaks(time)

    np.testing.assert_array_equal(shower.streaks(2.0), fresh.streaks(2.0))


def test_rendering_does_not_modify_its_input() -> None:
    clean = picture()

    rainy = Rain(RainStyle(mist=0.2), SIZE, 0).render(clean)

    np.testing.assert_array_equal(clean, picture())
    assert not np.array_equal(rainy, clean)


@pytest.mark.parametrize("mode", BLENDS)
def test_strength_zero_does_not_change_the_picture(mode: Blend) -> None:
    shower = Rain(RainStyle(blend=mode, mist=0.2), SIZE, 3)

    np.testing.assert_array_equal(shower.render(picture(), strength=0.0), picture())


@pytest.mark.parametrize("mode", BLENDS)
def test_a_higher_strength_gives_more_rain(mode: Blend) -> None:
    shower = Rain(RainStyle(blend=mode), SIZE, 3)
    dark = picture(0, 90)

    means = [shower.render(dark, strength=strength).mean() for strength in (0, 0.3, 0.6, 1)]

    assert means == sorted(set(means))


@pytest.mark.parametrize("mode", ["additive", "screen"])
def test_rain_only_brightens_dark_pictures(mode: Blend) -> None:
    dark = picture(0, 100)
    for seed in range(5):
        rainy = Rain(RainStyle(blend=mode, coverage=0.2, mist=0.1), SIZE, seed).render(dark)
        assert (rainy >= dark).all()
        assert (rainy > dark).mean() > 0.05


def test_opaque_rain_has_the_colour_of_the_style() -> None:
    white_wall = np.full((*SIZE, 3), 255, np.uint8)
    style = RainStyle(blend="alpha", colour=(0.2, 0.4, 0.6), coverage=0.3)

    rainy = Rain(style, SIZE, 0).render(white_wall, strength=50.0)

    np.testing.assert_array_equal(rainy.reshape(-1, 3).min(axis=0), [51, 102, 153])


def test_blend_modes_follow_their_formulas() -> None:
    grey, half = np.full((1, 1, 3), 0.5, np.float32), np.full((1, 1, 1), 0.5, np.float32)
    tint = np.array([1.0, 0.5, 0.0], np.float32)

    np.testing.assert_allclose(blend(grey, half, tint, "additive"), [[[1.0, 0.75, 0.5]]])
    np.testing.assert_allclose(blend(grey, half, tint, "screen"), [[[0.75, 0.625, 0.5]]])
    np.testing.assert_allclose(blend(grey, half, tint, "alpha"), [[[0.75, 0.5, 0.25]]])


def test_a_higher_coverage_gives_more_streaks() -> None:
    shares = []
    for coverage in (0.0, 0.02, 0.08, 0.3):
        light = Rain(replace(PARALLEL, coverage=coverage), (200, 200), 0).streaks()
        shares.append((light > 0.05).mean())

    assert shares[0] == 0
    assert shares == sorted(set(shares))
    # Streaks fade at their ends and overlap, so the share is only roughly equal to the coverage.
    for share, coverage in zip(shares[1:], (0.02, 0.08, 0.3), strict=True):
        assert 0.5 * coverage < share < 3 * coverage


@pytest.mark.parametrize("angle", [-35.0, 0.0, 20.0, 60.0])
@pytest.mark.parametrize("speed", [0.5, 1.3])
def test_drops_fall_along_their_streaks(angle: float, speed: float) -> None:
    style = replace(PARALLEL, angle=angle, length=16.0, speed=speed)
    shower = Rain(style, (160, 160), 5)

    moved, _, _ = phase_cross_correlation(
        shower.streaks(4.0), shower.streaks(3.0), normalization=None, upsample_factor=10
    )

    distance = style.length * style.speed
    fall = (math.cos(math.radians(angle)), math.sin(math.radians(angle)))
    np.testing.assert_allclose(moved, np.multiply(fall, distance), atol=1.0)


def test_rain_stays_dense_over_time() -> None:
    shower = Rain(replace(PARALLEL, coverage=0.2), (120, 120), 1)
    light = [shower.streaks(time).mean() for time in (0.0, 10.0, 100.0, 1000.0)]

    assert min(light) > 0.6 * max(light)


@pytest.mark.parametrize("angle", [-40.0, -10.0, 0.0, 25.0, 40.0])
def test_streaks_have_the_angle_of_the_style(angle: float) -> None:
    light = Rain(replace(PARALLEL, angle=angle), (160, 160), 2).streaks()

    assert streak_angle(light) == pytest.approx(angle, abs=6)


@pytest.mark.parametrize("size", [(60, 81), (80, 60), (30, 40)])
def test_a_picture_of_another_size_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="60, 80"):
        Rain(RainStyle(), SIZE, 0).render(picture(size=size))


def test_every_sampled_style_draws_a_valid_picture() -> None:
    untouched = 0
    for seed in range(60):
        shower = Rain(sample_style(np.random.default_rng(seed)), SIZE, seed)

        light = shower.streaks(time=seed / 7)
        rainy = shower.render(picture(), time=seed / 7)

        assert light.shape == SIZE
        assert light.dtype == np.float32
        assert light.min() >= 0
        assert light.max() <= 1
        assert rainy.shape == (*SIZE, 3)
        assert rainy.dtype == np.uint8
        untouched += np.array_equal(rainy, picture())
    assert untouched <= 3


def test_sampled_styles_differ() -> None:
    styles = [sample_style(np.random.default_rng(seed)) for seed in range(60)]

    assert len(set(styles)) == 60
    assert {style.blend for style in styles} == set(BLENDS)
    assert {style.layers for style in styles} == {1, 2, 3}
    assert any(style.mist == 0 for style in styles)
    assert any(style.mist > 0 for style in styles)


@pytest.mark.parametrize(
    ("seed", "length", "angle", "bright"),
    [
        (0, 13.506107763503088, -8.570709970577775, (78.036, 77.518)),
        (1, 70.90567188078147, -33.87033863811262, (98.406, 100.818)),
        (2, 14.484358518694046, 28.795318123534432, (62.497, 60.810)),
    ],
)
def test_seeded_showers_of_the_evaluation_do_not_change(
    seed: int, length: float, angle: float, bright: tuple[float, float]
) -> None:
    style = sample_style(np.random.default_rng(seed))
    grey = np.full((*SIZE, 3), 60, np.uint8)

    means = [Rain(style, SIZE, seed).render(grey, time).mean() for time in (0.0, 2.5)]

    assert (style.length, style.angle) == pytest.approx((length, angle))
    # The edges of lines differ a little between versions of OpenCV; other showers differ more.
    assert means == pytest.approx(bright, abs=0.2)


@pytest.mark.parametrize("length", [4.0, 12.0, 40.0, 100.0])
def test_streaks_have_the_length_of_the_style(length: float) -> None:
    style = replace(PARALLEL, length=length, width=1.5, angle=0.0, coverage=0.004)

    light = Rain(style, (400, 400), 3).streaks()

    regions = regionprops(label(light > 0.3 * light.max()))
    heights = [bottom - top for top, _, bottom, _ in (region.bbox for region in regions)]
    assert len(heights) > 3
    assert np.median(heights) == pytest.approx(length, rel=0.25, abs=1)


def test_the_wide_sampler_covers_lengths_of_2_to_100_pixels() -> None:
    styles = [sample_wide_style(np.random.default_rng(seed)) for seed in range(400)]
    lengths = np.array([style.length for style in styles])
    widths = np.array([style.width for style in styles])

    assert 2 <= lengths.min() < 2.3
    assert 90 < lengths.max() <= 100
    assert np.histogram(lengths, bins=[2, 4, 8, 16, 32, 64, 80, 100])[0].min() > 15
    assert 0.6 <= widths.min() < 0.7
    assert 5 < widths.max() <= 6
    assert (widths <= np.maximum(0.7, lengths / 4)).all()
    assert len(set(styles)) == 400


@pytest.mark.slow
def test_a_downpour_hides_more_of_the_picture_than_rain() -> None:
    grey = np.full((96, 96, 3), 110, np.uint8)
    changes = []
    for sample in (sample_style, sample_downpour_style):
        generators = [np.random.default_rng(seed) for seed in range(60)]
        rainy = [Rain(sample(rng), (96, 96), 3).render(grey).astype(float) for rng in generators]
        changes.append(np.median([np.square(picture - grey).mean() for picture in rainy]))

    # Three times the squared error, so about 5 dB of PSNR.
    assert changes[1] > 3 * changes[0]


def test_streaks_of_a_downpour_cross() -> None:
    spreads = [sample_downpour_style(np.random.default_rng(seed)).spread for seed in range(200)]

    assert 5 < np.mean(spreads) < 7
    assert max(spreads) < 12
