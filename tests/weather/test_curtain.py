from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spikerain_edge.images import Image
from spikerain_edge.weather import Curtain, CurtainStyle, sample_curtain_style
from spikerain_edge.weather.clouds import Bands

SIZE = (200, 260)
PLAIN = CurtainStyle(angle=0.0, layers=1, grain=0.0, blur=0.0, veil=0.0, fall=0.0, drift=0.0)


def grey(level: int = 90) -> Image:
    return np.full((*SIZE, 3), level, np.uint8)


def correlation(noise: np.ndarray, shift: int, axis: int) -> float:
    """Returns the correlation of a field with itself, moved by `shift` pixels."""
    first = np.delete(noise, np.s_[-shift:], axis).ravel()
    second = np.delete(noise, np.s_[:shift], axis).ravel()
    return float(np.corrcoef(first, second)[0, 1])


def averaged_over(seeds: int, shift: int, axis: int) -> float:
    fields = (Bands(np.random.default_rng(seed), 12.0, 200.0, 0.0)(SIZE) for seed in range(seeds))
    return float(np.mean([correlation(field, shift, axis) for field in fields]))


def test_bands_are_narrow_across_and_long_along_the_fall() -> None:
    # Over half of a width or of a length, the correlation falls to exp(-1/2).
    assert averaged_over(20, 6, axis=1) == pytest.approx(np.exp(-0.5), abs=0.05)
    assert averaged_over(20, 6, axis=0) > 0.99
    assert averaged_over(20, 30, axis=1) < 0.2


def test_the_noise_of_bands_has_mean_0_and_standard_deviation_1() -> None:
    fields = [Bands(np.random.default_rng(seed), 6.0, 60.0, 20.0)(SIZE) for seed in range(30)]

    assert np.mean(fields) == pytest.approx(0, abs=0.1)
    assert np.std(fields) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("coverage", [0.15, 0.5])
def test_hard_bands_cover_their_share_of_the_picture(coverage: float) -> None:
    hard = replace(PLAIN, coverage=coverage, softness=1e-3, opacity=1.0, width=8.0, length=60.0)

    covered = [Curtain(hard, SIZE, seed).bands().mean() for seed in range(25)]

    assert np.mean(covered) == pytest.approx(coverage, abs=0.04)


def test_bands_lean_with_the_angle() -> None:
    leaning = replace(PLAIN, angle=45.0, length=2000.0)

    bands = Curtain(leaning, SIZE, 3).bands()

    # The lower end leans to the right, so a step down and to the right changes nothing.
    along, across = np.abs(bands[:-4, :-4] - bands[4:, 4:]), np.abs(bands[4:, :-4] - bands[:-4, 4:])
    assert along.mean() < 0.05 * across.mean()


def test_bands_fall_and_drift_with_time() -> None:
    moving = Curtain(replace(PLAIN, fall=7.0, drift=3.0, length=60.0), SIZE, 1)

    before, after = moving.bands(0.0), moving.bands(1.0)

    np.testing.assert_allclose(after[7:, 3:], before[:-7, :-3], atol=1e-4)
    assert not np.allclose(after, before, atol=1e-2)


def test_farther_bands_are_fainter() -> None:
    one, three = (Curtain(replace(PLAIN, layers=count), SIZE, 2).bands() for count in (1, 3))

    added = 1 - (1 - three) / (1 - one)
    assert added.min() >= -1e-6
    assert 0.1 < added.max() < 1 - (1 - PLAIN.opacity) ** 2


def test_blur_softens_the_edges() -> None:
    hard = replace(PLAIN, softness=1e-3)

    sharp, soft = (Curtain(replace(hard, blur=blur), SIZE, 2).bands() for blur in (0.0, 2.5))

    slopes = [float(np.abs(np.diff(each, axis=1)).max()) for each in (sharp, soft)]
    assert slopes[0] == pytest.approx(hard.opacity, abs=1e-3)
    assert slopes[1] < 0.3 * slopes[0]


def test_grain_adds_fine_streaks_to_bands_only() -> None:
    hard = replace(PLAIN, softness=1e-3)

    plain, grainy = (Curtain(replace(hard, grain=grain), SIZE, 2).bands() for grain in (0.0, 0.4))

    assert (grainy[plain == 0] == 0).all()
    assert grainy[plain > 0].std() > 0.02
    assert plain[plain > 0].std() < 0.01


def test_alpha_pulls_the_picture_towards_the_colour_of_the_rain() -> None:
    covering = replace(PLAIN, coverage=0.999, softness=1e-3, opacity=0.25, colour=(0.2, 0.6, 1.0))

    rendered = Curtain(covering, SIZE, 0).render(grey())

    expected = 0.75 * 90 + 0.25 * 255 * np.array([0.2, 0.6, 1.0])
    np.testing.assert_allclose(np.median(rendered, axis=(0, 1)), expected, atol=0.51)


def test_the_veil_lifts_the_whole_picture_and_varies_slowly() -> None:
    veiled = replace(PLAIN, opacity=0.0, veil=0.2, patchiness=0.6)

    lifted = Curtain(veiled, SIZE, 4).render(grey()).astype(float) - 90

    assert lifted.min() > 1
    assert lifted.mean() == pytest.approx(0.2 * (0.88 * 255 - 90), rel=0.5)
    assert lifted.std() > 2
    assert np.abs(np.diff(lifted, axis=1)).max() <= 3


@pytest.mark.slow
def test_sampled_curtains_are_broad_soft_and_lift_the_picture() -> None:
    styles = [sample_curtain_style(np.random.default_rng(seed)) for seed in range(200)]
    lifts = [
        float(Curtain(style, SIZE, seed).render(grey()).mean()) - 90
        for seed, style in enumerate(styles[:60])
    ]

    assert 8 <= min(style.width for style in styles) < 10
    assert 35 < max(style.width for style in styles) <= 40
    assert min(style.length for style in styles) >= 100
    assert {style.blend for style in styles} == {"alpha", "screen", "additive"}
    assert min(lifts) >= 0
    assert 10 < np.median(lifts) < 50
