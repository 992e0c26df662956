from __future__ import annotations

import pytest
from scipy import stats

from spikerain_edge.profiling.latency import (
    mean_interval,
    median_ms,
    percentiles_ms,
    student_quantile,
    summary_ms,
)


@pytest.mark.parametrize(
    ("freedom", "tolerance"), [(1, 1e-9), (2, 1e-9), (3, 1e-2), (5, 1e-3), (20, 1e-5), (99, 1e-6)]
)
def test_students_quantile(freedom: int, tolerance: float) -> None:
    assert student_quantile(0.975, freedom) == pytest.approx(
        stats.t.ppf(0.975, freedom), rel=tolerance
    )


def test_the_interval_of_the_mean() -> None:
    values = [0.010, 0.012, 0.011, 0.013, 0.014, 0.009, 0.010, 0.012]
    low, high = stats.t.interval(0.95, 7, loc=sum(values) / 8, scale=stats.sem(values))
    assert mean_interval(values) == pytest.approx((low, high), rel=1e-5)
    assert mean_interval([0.5]) == (0.5, 0.5)


def test_a_summary_is_in_milliseconds() -> None:
    summary = summary_ms([0.001 * number for number in range(1, 102)])
    assert {key: summary[key] for key in ("p50", "p90", "p95", "p99", "mean", "min")} == {
        "p50": 51.0,
        "p90": 91.0,
        "p95": 96.0,
        "p99": 100.0,
        "mean": pytest.approx(51.0),
        "min": 1.0,
    }
    assert summary["ci95"][0] < 51 < summary["ci95"][1]
    assert summary["iterations"] == 101
    assert median_ms([0.003, 0.001, 0.002]) == 2.0


def test_nothing_measured_has_no_percentiles() -> None:
    assert percentiles_ms([]) == {}
