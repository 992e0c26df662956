from __future__ import annotations

import numpy as np
import pytest

from spikerain_edge.gate.decision import RainDecision, RainState, Thresholds

DRY, CLEAR_RAIN = 0.03, 0.3


def settled(share: float = DRY, seconds: int = 60) -> RainDecision:
    """A decision after a dry time, one test a second."""
    decision = RainDecision()
    for second in range(-seconds, 0):
        decision.add(share, float(second))
    return decision


def states(decision: RainDecision, shares: list[float], start: float = 0.0) -> list[RainState]:
    return [decision.add(share, start + second) for second, share in enumerate(shares)]


def test_the_state_is_unknown_until_it_has_been_calm_for_a_while() -> None:
    numbers = Thresholds()
    found = states(RainDecision(), [DRY] * 30)

    learning = int(numbers.learning)
    assert set(found[:learning]) == {RainState.UNKNOWN}
    assert set(found[learning:]) == {RainState.DRY}


def test_one_clear_test_is_enough_for_rain() -> None:
    assert settled().add(CLEAR_RAIN, 0.0) is RainState.RAIN


def test_weak_evidence_adds_up() -> None:
    numbers = Thresholds()
    decision = settled()
    weak = decision.baseline + numbers.margin + numbers.alarm / 4
    found = states(decision, [weak] * 6)

    assert found[0] is RainState.DRY
    assert found[-1] is RainState.RAIN


def test_an_outlier_below_the_alarm_is_forgotten() -> None:
    numbers = Thresholds()
    decision = settled()
    outlier = decision.baseline + numbers.margin + 0.9 * numbers.alarm

    assert set(states(decision, [outlier, *[DRY] * 5] * 10)) == {RainState.DRY}


def test_rain_lasts_until_it_has_been_calm_for_the_hold_time() -> None:
    numbers = Thresholds()
    decision = settled()
    decision.add(CLEAR_RAIN, 0.0)
    found = states(decision, [DRY] * 120, start=1.0)
    lasted = found.index(RainState.DRY)

    assert numbers.hold <= lasted <= numbers.hold + 20
    assert set(found[lasted:]) == {RainState.DRY}


def test_a_pause_of_the_rain_does_not_end_it() -> None:
    decision = settled()
    decision.add(CLEAR_RAIN, 0.0)

    assert set(states(decision, [*[DRY] * 20, CLEAR_RAIN] * 5, start=1.0)) == {RainState.RAIN}


def test_a_camera_whose_dry_pictures_look_like_faint_rain_is_learnt_in_hours() -> None:
    hours = [0.075 + 0.005 * (number % 3 - 1) for number in range(5 * 3600)]
    found = states(RainDecision(), hours)

    assert set(found[60:5400]) == {RainState.RAIN}
    assert set(found[4 * 3600 :]) == {RainState.DRY}


def test_lasting_rain_does_not_become_the_baseline() -> None:
    decision = settled()
    rain = [0.12] * 20_000

    assert set(states(decision, rain)[5:]) == {RainState.RAIN}
    assert decision.baseline < Thresholds().highest


def test_a_reset_forgets_the_state_but_not_the_baseline() -> None:
    decision = settled(0.05, 3000)
    before = decision.baseline
    decision.reset()

    assert decision.state is RainState.UNKNOWN
    assert decision.baseline == before


@pytest.mark.parametrize("seed", range(3))
def test_noise_around_the_baseline_is_dry_and_changes_nothing(seed: int) -> None:
    shares = np.random.default_rng(seed).normal(DRY, 0.008, 3600).tolist()

    assert set(states(settled(), shares)) == {RainState.DRY}
