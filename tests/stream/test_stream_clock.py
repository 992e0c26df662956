from __future__ import annotations

import numpy as np
import pytest

from spikerain_edge.stream.stream_clock import StreamClock


def ages(stamps: list[float], arrivals: list[float]) -> list[float]:
    clock = StreamClock()
    return [
        arrival - clock.captured(stamp, arrival)
        for stamp, arrival in zip(stamps, arrivals, strict=True)
    ]


def test_a_frame_that_waited_on_its_way_is_older() -> None:
    stamps = [number / 25 for number in range(100)]
    waits = [0.02 + 0.5 * (40 <= number < 60) for number in range(100)]
    arrivals = [1000 + stamp + wait for stamp, wait in zip(stamps, waits, strict=True)]
    found = ages(stamps, arrivals)
    assert found[40:60] == pytest.approx([0.5] * 20, abs=0.002)
    assert found[:40] + found[60:] == pytest.approx([0.0] * 80, abs=0.002)


def test_growing_delay_is_seen() -> None:
    stamps = [number / 25 for number in range(1500)]
    arrivals = [50 + 1.05 * stamp for stamp in stamps]
    assert ages(stamps, arrivals)[-1] == pytest.approx(0.05 * stamps[-1], rel=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("drift", [-1e-4, 1e-4])
def test_a_clock_that_drifts_for_a_day_does_not_age_frames(drift: float) -> None:
    stamps = [number / 2 for number in range(2 * 86_400)]
    jitter = np.random.default_rng(0).uniform(0, 0.01, len(stamps))
    arrivals = [stamp * (1 + drift) + wait for stamp, wait in zip(stamps, jitter, strict=True)]
    found = ages(stamps, arrivals)
    assert min(found) >= 0
    assert max(found) < 0.02


def test_a_camera_that_stamps_by_a_wrong_rate_does_not_age_for_ever() -> None:
    """24.9 frames a second that are stamped as 25."""
    stamps = [number / 25 for number in range(25 * 3600)]
    arrivals = [number / 24.9 for number in range(25 * 3600)]
    found = ages(stamps, arrivals)
    assert min(found) >= 0
    # What the clocks drift apart in ten minutes and ten seconds.
    assert max(found) < 610 * 0.1 / 25


@pytest.mark.parametrize(("of", "step"), [("stamps", 3600), ("stamps", -3600), ("arrivals", 3600)])
def test_a_clock_that_is_set_does_not_age_frames(of: str, step: float) -> None:
    stamps = [number / 25 for number in range(100)]
    arrivals = [1e6 + stamp for stamp in stamps]
    stepped = stamps if of == "stamps" else arrivals
    stepped[50:] = [each + step for each in stepped[50:]]
    assert ages(stamps, arrivals) == pytest.approx([0.0] * 100, abs=0.01)


def test_a_delay_of_minutes_is_seen_all_the_time() -> None:
    stamps = [number / 10 for number in range(6000)]
    arrivals = [stamp + 2.0 * (stamp > 60) for stamp in stamps]
    assert min(ages(stamps, arrivals)[700:]) == pytest.approx(2.0, abs=0.15)


def test_a_clock_that_starts_again_is_a_new_one() -> None:
    stamps = [100.0, 100.04, 100.08, 0.0, 0.04, 0.08]
    arrivals = [7.0, 7.04, 7.08, 7.12, 7.16, 7.2]
    assert ages(stamps, arrivals) == pytest.approx([0.0] * 6, abs=1e-4)


def test_without_a_clock_a_frame_is_as_old_as_its_arrival() -> None:
    assert StreamClock().captured(None, 12.5) == 12.5
