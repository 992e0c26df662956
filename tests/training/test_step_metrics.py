from __future__ import annotations

import math

import pytest

from spikerain_training.step_metrics import MAX_SKIPPED_STEPS, DivergenceCheck


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_only_16_mixed_tolerates_a_gradient_that_is_not_finite(broken: float) -> None:
    assert not DivergenceCheck("32-true").allows(0.5, broken)
    assert not DivergenceCheck("bf16-mixed").allows(0.5, broken)
    assert DivergenceCheck("16-mixed").allows(0.5, broken)


@pytest.mark.parametrize("precision", ["32-true", "16-mixed"])
def test_a_loss_that_is_not_finite_stops_every_run(precision: str) -> None:
    assert not DivergenceCheck(precision).allows(math.nan, 1.0)
    assert DivergenceCheck(precision).allows(0.5, 1.0)


def test_too_many_skipped_steps_in_a_row_stop_the_run() -> None:
    check = DivergenceCheck("16-mixed")
    allowed = [check.allows(0.5, math.nan) for _ in range(MAX_SKIPPED_STEPS + 1)]

    assert allowed == [True] * MAX_SKIPPED_STEPS + [False]


def test_a_finite_gradient_resets_the_count_of_skipped_steps() -> None:
    check = DivergenceCheck("16-mixed", limit=2)
    norms = [math.inf, math.inf, 3.0, math.inf, math.inf, math.inf]

    assert [check.allows(0.5, norm) for norm in norms] == [True] * 5 + [False]
