from __future__ import annotations

from dataclasses import replace

import pytest

from spikerain_edge.profiling.scaling import LEAST_GROWTH, MemoryUse, fit_power_law, largest_side

MIB = 1 << 20


def test_proportional_cost_has_exponent_one() -> None:
    law = fit_power_law([256**2, 512**2, 720**2], [2.0, 8.0, 2 * (720 / 256) ** 2])
    assert law is not None
    assert (law.exponent, law.r2) == pytest.approx((1.0, 1.0))


def test_the_exponent_and_the_quality_of_the_fit_are_reported() -> None:
    areas = [1e4, 1e5, 1e6]
    law = fit_power_law(areas, [area**1.5 for area in areas])
    assert law is not None
    assert law.exponent == pytest.approx(1.5)
    misfit = fit_power_law(areas, [1.0, 9.0, 2.0])
    assert misfit is not None
    assert misfit.r2 < 0.5


def test_constant_cost_fits_perfectly() -> None:
    law = fit_power_law([1e4, 1e5], [3.0, 3.0])
    assert law is not None
    assert (law.exponent, law.r2) == pytest.approx((0.0, 1.0))


def test_a_single_size_gives_no_law() -> None:
    assert fit_power_law([1e4, 1e4], [1.0, 1.1]) is None
    assert fit_power_law([], []) is None


def test_memory_grows_with_the_pixels_from_what_the_model_takes() -> None:
    uses = [
        MemoryUse(256 * 256, loaded=100 * MIB, peak=190 * MIB),
        MemoryUse(512 * 512, loaded=100 * MIB, peak=356 * MIB),
    ]
    # 1 KiB a pixel: 1124 MiB hold the model and 1024 x 1024 pixels.
    assert largest_side(uses, 1124 * MIB, stride=8) == 1024
    assert largest_side(uses, 1120 * MIB, stride=8) == 1016
    assert largest_side(uses, 50 * MIB, stride=8) == 0


def test_without_measurements_there_is_no_largest_side() -> None:
    assert largest_side([], MIB, stride=8) is None
    assert largest_side([MemoryUse(100, MIB, MIB)], MIB, stride=8) is None


def test_too_little_growth_is_not_extrapolated() -> None:
    grown = MemoryUse(256 * 256, loaded=100 * MIB, peak=100 * MIB + LEAST_GROWTH)
    assert largest_side([grown], 2000 * MIB, stride=8) is not None
    assert largest_side([replace(grown, peak=grown.peak - 1)], 2000 * MIB, stride=8) is None
    # Only the growth at the largest size counts.
    small = MemoryUse(64 * 64, loaded=100 * MIB, peak=900 * MIB)
    assert largest_side([small, replace(grown, peak=110 * MIB)], 2000 * MIB, stride=8) is None
