from __future__ import annotations

import math

import pytest

from spikerain_training.figures import PATIENCE, Patience


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_only_a_scaled_loss_may_have_a_gradient_that_is_not_finite(broken: float) -> None:
    assert not Patience("32-true").lasts(0.5, broken)
    assert not Patience("bf16-mixed").lasts(0.5, broken)
    assert Patience("16-mixed").lasts(0.5, broken)


@pytest.mark.parametrize("precision", ["32-true", "16-mixed"])
def test_a_loss_that_is_not_finite_ends_every_run(precision: str) -> None:
    assert not Patience(precision).lasts(math.nan, 1.0)
    assert Patience(precision).lasts(0.5, 1.0)


def test_a_gradient_that_stays_broken_ends_the_run() -> None:
    patience = Patience("16-mixed")

    assert [patience.lasts(0.5, math.nan) for _ in range(PATIENCE + 1)] == [True] * PATIENCE + [
        False
    ]


def test_a_step_that_is_taken_renews_the_patience() -> None:
    patience = Patience("16-mixed", limit=2)
    norms = [math.inf, math.inf, 3.0, math.inf, math.inf, math.inf]

    assert [patience.lasts(0.5, norm) for norm in norms] == [True] * 5 + [False]
