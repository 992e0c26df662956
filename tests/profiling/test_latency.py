from __future__ import annotations

import pytest
from scipy import stats

from spikerain_edge.profiling.latency import (
    mean_interval,
    percentiles_ms,
    student_quantile,
)
from spikerain_edge.profiling.rows import latency_ms


@pytest.mark.parametrize(
    ("freedom", "tolerance"), [(1, 1e-9), (2, 1e-9), (3, 1e-2), (5, 1e-3), (20, 1e-5), (99, 1e-6)]
)
def test_the_quantile_of_students_t_agrees_with_scipy(freedom: int, tolerance: float) -> None:
    assert student_quantile(0.975, freedom) == pytest.approx(
        stats.t.ppf(0.975, freedom), rel=tolerance
    )


def test_the_interval_of_the_mean() -> None:
    values = [0.010, 0.012, 0.011, 0.013, 0.014, 0.009, 0.010, 0.012]
    low, high = stats.t.interval(0.95, 7, loc=sum(values) / 8, scale=stats.sem(values))
    assert mean_interval(values) == pytest.approx((low, high), rel=1e-5)
    assert mean_interval([0.5]) == (0.5, 0.5)


def test_a_summary_is_in_milliseconds() -> None:
    latency = latency_ms([0.001 * number for number in range(1, 102)])
    assert (latency.p50, latency.p90, latency.p95, latency.p99) == (51, 91, 96, 100)
    assert latency.mean == pytest.approx(51)
    assert latency.min == 1
    assert latency.ci95[0] < 51 < latency.ci95[1]
    assert latency.iterations == 101


def test_without_measurements_there_are_no_percentiles() -> None:
    assert percentiles_ms([]) == {}
