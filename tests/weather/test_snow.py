from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from skimage.measure import label, regionprops
from skimage.registration import phase_cross_correlation

from spikerain_edge.images import Image
from spikerain_edge.weather import Snow, SnowStyle, sample_snow_style

SIZE = (60, 80)
# One layer of equal flakes that fall straight, so the whole snowfall moves at one velocity.
EQUAL = SnowStyle(
    layers=1, variation=0.0, sway=0.0, mist=0.0, exposure=0.0, softness=0.1, opacity=1.0
)
CALM = replace(EQUAL, speed=0.0, coverage=0.02)


def picture(low: int = 0, high: int = 256, size: tuple[int, int] = SIZE) -> Image:
    return np.random.default_rng(0).integers(low, high, (*size, 3), np.uint8)


def lone_flakes(style: SnowStyle, size: tuple[int, int] = (300, 300)) -> list[object]:
    """Returns the shapes of flakes at half of the highest opacity, except those at the border."""
    cover = Snow(style, size, 4).flakes()
    shapes = regionprops(label(cover > 0.5 * cover.max()))
    return [
        shape
        for shape in shapes
        if min(shape.bbox[:2]) > 0 and shape.bbox[2] < size[0] and shape.bbox[3] < size[1]
    ]


def diameters(style: SnowStyle) -> list[float]:
    return [shape.equivalent_diameter_area for shape in lone_flakes(style)]  # type: ignore[attr-defined]


def test_the_same_seed_gives_the_same_snow() -> None:
    first, again, other = (Snow(SnowStyle(), SIZE, seed) for seed in (7, 7, 8))

    for time in (0.0, 3.5):
        snowy = first.render(picture(), time)
        np.testing.assert_array_equal(snowy, again.render(picture(), time))
        assert not np.array_equal(snowy, other.render(picture(), time))


def test_a_frame_does_not_depend_on_frames_rendered_before() -> None:
    snow, fresh = Snow(SnowStyle(), SIZE, 7), Snow(SnowStyle(), SIZE, 7)
    for time in range(5):
        snow.render(picture(), time)

    np.testing.assert_array_equal(snow.render(picture(), 2.0), fresh.render(picture(), 2.0))


def test_rendering_does_not_modify_its_input() -> None:
    clean = picture()

    snowy = Snow(SnowStyle(), SIZE, 0).render(clean)

    np.testing.assert_array_equal(clean, picture())
    assert not np.array_equal(snowy, clean)


def test_strength_zero_does_not_change_the_picture() -> None:
    snow = Snow(SnowStyle(mist=0.3), SIZE, 3)

    np.testing.assert_array_equal(snow.render(picture(), strength=0.0), picture())


def test_a_higher_strength_gives_more_snow() -> None:
    snow, dark = Snow(SnowStyle(), SIZE, 3), picture(0, 90)

    means = [snow.render(dark, strength=strength).mean() for strength in (0, 0.3, 0.6, 1)]

    assert means == sorted(set(means))


def test_every_pixel_is_between_the_picture_and_the_colour_of_snow() -> None:
    colour = (0.6, 0.7, 0.8)
    for seed in range(8):
        style = sample_snow_style(np.random.default_rng(seed))
        snowy = Snow(replace(style, colour=colour), SIZE, seed).render(picture()).astype(float)

        clean, white = picture().astype(float), 255 * np.array(colour)
        assert (snowy >= np.minimum(clean, white) - 0.51).all()
        assert (snowy <= np.maximum(clean, white) + 0.51).all()


def test_white_snow_never_darkens() -> None:
    snowy = Snow(SnowStyle(coverage=0.1), SIZE, 0).render(picture())

    assert (snowy >= picture()).all()
    assert (snowy > picture()).any(axis=2).mean() > 0.2


@pytest.mark.parametrize("size", [4.0, 8.0, 16.0])
def test_flakes_are_round_and_have_the_size_of_the_style(size: float) -> None:
    style = replace(CALM, size=size, coverage=0.01)
    shapes = lone_flakes(style)

    assert len(shapes) >= 3
    assert np.median(diameters(style)) == pytest.approx(size, rel=0.1, abs=0.4)
    roundness = [s.axis_minor_length / s.axis_major_length for s in shapes]  # type: ignore[attr-defined]
    assert np.median(roundness) > 0.85


def test_farther_layers_have_more_and_smaller_flakes() -> None:
    near = diameters(replace(CALM, size=16.0, coverage=0.01))
    all_layers = diameters(replace(CALM, size=16.0, coverage=0.01, layers=4))

    assert min(all_layers) < 0.35 * max(all_layers)
    assert len(all_layers) > 3 * len(near)
    assert sum(diameter < 8 for diameter in all_layers) > sum(d > 12 for d in all_layers)


def test_flakes_of_a_layer_vary_in_size() -> None:
    assert np.std(diameters(replace(CALM, size=10.0))) < 1.5
    assert np.std(diameters(replace(CALM, size=10.0, variation=0.4))) > 2


def test_flakes_have_the_opacity_and_softness_of_the_style() -> None:
    sharp, soft = (
        Snow(replace(CALM, size=16.0, opacity=0.6, softness=softness), (200, 200), 4).flakes()
        for softness in (0.05, 0.3)
    )

    assert sharp.max() == pytest.approx(0.6, abs=0.02)
    edge = [
        ((cover > 0.06) & (cover < 0.5)).sum() / (cover > 0.06).sum() for cover in (sharp, soft)
    ]
    assert edge[1] > 2 * edge[0] > 0


@pytest.mark.parametrize("angle", [-35.0, 0.0, 20.0])
@pytest.mark.parametrize("speed", [0.5, 1.5])
def test_flakes_fall_in_the_direction_of_the_angle(angle: float, speed: float) -> None:
    style = replace(EQUAL, angle=angle, speed=speed, coverage=0.05)
    snow = Snow(style, (160, 160), 5)

    moved, _, _ = phase_cross_correlation(
        snow.flakes(4.0), snow.flakes(3.0), normalization=None, upsample_factor=10
    )

    fall = (math.cos(math.radians(angle)), math.sin(math.radians(angle)))
    np.testing.assert_allclose(moved, np.multiply(fall, style.size * speed), atol=0.6)


def test_a_default_snowfall_moves_down() -> None:
    for seed in range(4):
        snow = Snow(SnowStyle(), (160, 160), seed)

        moved, _, _ = phase_cross_correlation(
            snow.flakes(3.2), snow.flakes(3.0), normalization=None, upsample_factor=10
        )

        assert moved[0] > 0.3


def test_flakes_sway_from_side_to_side_and_back() -> None:
    snow = Snow(replace(CALM, sway=2.0, period=20.0), (100, 400), 2)
    start, halfway, back = (snow.flakes(time) for time in (0.0, 10.0, 20.0))

    np.testing.assert_allclose(back, start, atol=0.02)
    assert np.abs(halfway - start).mean() > 0.5 * start.mean()
    # Only sideways: each row keeps its flakes, except those at the sides.
    rows = np.corrcoef(halfway.mean(axis=1), start.mean(axis=1))[0, 1]
    assert rows > 0.9


def test_flakes_are_smeared_along_their_path_during_the_exposure() -> None:
    style = replace(EQUAL, size=8.0, speed=3.0, angle=0.0, coverage=0.01)
    short, long = (lone_flakes(replace(style, exposure=exposure)) for exposure in (0.0, 1.0))

    heights, widths = (
        [np.median([s.bbox[axis + 2] - s.bbox[axis] for s in shapes]) for shapes in (short, long)]  # type: ignore[attr-defined]
        for axis in (0, 1)
    )
    assert heights[1] - heights[0] == pytest.approx(style.speed * style.size, abs=3)
    assert widths[1] == pytest.approx(widths[0], abs=1)
    fainter = Snow(replace(style, exposure=1.0), (300, 300), 4).flakes().max()
    assert fainter == pytest.approx(1 / style.speed, abs=0.1)


def test_snow_stays_dense_and_even_over_time() -> None:
    snow = Snow(replace(SnowStyle(), coverage=0.1), (120, 120), 1)
    cover = [snow.flakes(time) for time in (0.0, 10.0, 100.0, 1000.0)]

    means = [each.mean() for each in cover]
    assert min(means) > 0.6 * max(means)
    sides = [np.array_split(each, 3, axis=axis) for each in cover for axis in (0, 1)]
    assert all(min(part.mean() for part in parts) > 0.3 * np.mean(means) for parts in sides)


@pytest.mark.parametrize("size", [(1, 1), (1, 37), (53, 1), (17, 31)])
def test_snow_is_rendered_for_any_size(size: tuple[int, int]) -> None:
    snowy = Snow(SnowStyle(), size, 0).render(picture(size=size))

    assert snowy.shape == (*size, 3)
    assert snowy.dtype == np.uint8


def test_a_picture_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="60, 80"):
        Snow(SnowStyle(), SIZE, 0).render(picture(size=(80, 60)))


def test_every_sampled_style_draws_a_valid_picture() -> None:
    styles = [sample_snow_style(np.random.default_rng(seed)) for seed in range(60)]
    untouched = 0
    for seed, style in enumerate(styles):
        snow = Snow(style, SIZE, seed)

        cover = snow.flakes(time=seed / 7)

        assert cover.shape == SIZE
        assert cover.dtype == np.float32
        assert cover.min() >= 0
        assert cover.max() <= 1
        untouched += np.array_equal(snow.render(picture(), seed / 7), picture())
    assert untouched <= 3
    assert len(set(styles)) == 60
    assert {style.layers for style in styles} == {1, 2, 3, 4, 5}
    assert min(style.size for style in styles) < 2
    assert max(style.size for style in styles) > 10
