from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from spikerain_edge.profiling.operations import count_operations
from spikerain_edge.profiling.published import (
    PublishedCount,
    published_cost,
    published_count,
    table1_row,
    table1_summary,
)
from spikerain_edge.profiling.records import Table1Cost


@pytest.fixture(scope="module")
def m(exported: Callable[[str], Any]) -> PublishedCount:
    made = exported("m")
    return published_count(count_operations(made.spec, 128, 128))


def test_the_parts_of_the_convention_agree_with_the_counts(m: PublishedCount) -> None:
    # ARFE (96 channels, squeezed to 12, a 5x5 and a gate) and the output convolution per pixel;
    # the attention's 3x3 on 133120 pixels per timestep, and its squeeze and excite.
    arfe_and_output = (96 * 12 + 12 * 25 + 288 * 96 + 96 * 27) * 128**2 + 2 * 96 * 12
    attention = 9 * 4 * 133120 + 4 * 288 + 8 * 1152 + 10 * 4608
    assert m.convolutions == arfe_and_output + attention
    # 22 blocks of 4 units of 24 channels, and what Down, Up and Merge put out, per timestep.
    normed = 128**2 * (6 * 96 + 48) + 64**2 * (6 * 96 + 3 * 96) + 32**2 * (10 * 96 + 192)
    assert m.batch_norm == 4 * 4 * normed
    assert m.pooling * 1e-9 == pytest.approx(0.0446, abs=5e-5)
    assert m.total * 1e-9 == pytest.approx(0.80774, abs=5e-6)


@pytest.mark.parametrize(
    ("side", "gflops", "mj"), [(256, 12.928, 161.6), (512, 51.712, 646.4), (720, 102.263, 1278.3)]
)
def test_table_1_is_reproduced_to_the_printed_digit(
    m: PublishedCount, side: int, gflops: float, mj: float
) -> None:
    assert published_cost(m, 4, side, side) == Table1Cost(gflops, mj)
    row = table1_row(m, "m", 4, side, side)
    assert row.printed == Table1Cost(gflops, mj)
    assert row.matches is True


def test_other_sizes_and_variants_have_no_printed_row(m: PublishedCount) -> None:
    for variant, height, width in (("m", 256, 512), ("m", 128, 128), ("s", 256, 256)):
        row = table1_row(m, variant, 4, height, width)
        assert row.printed is None
        assert row.matches is None


def test_a_difference_from_the_table_is_reported() -> None:
    row = table1_row(PublishedCount(1, 2, 3), "m", 4, 256, 256)
    assert row.gflops == 0
    assert row.matches is False


def test_the_summary_names_the_parts(m: PublishedCount) -> None:
    summary = table1_summary(m)
    assert sum(msgspec.structs.astuple(summary.parts)) == pytest.approx(summary.gflops_at_128)
    assert "neither" in summary.explanation
