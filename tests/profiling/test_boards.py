from __future__ import annotations

import json
from importlib.resources import files

import pytest

from spikerain_edge.errors import InputError
from spikerain_edge.profiling.boards import find_board, outlook
from spikerain_edge.profiling.operations import GraphCount, LayerCount

BOARDS = json.loads(files("spikerain_edge.profiling").joinpath("boards.json").read_text("utf-8"))


def layer(*neurons: str, macs: int, weights: int = 0, inputs: int, outputs: int = 0) -> LayerCount:
    """A convolution; the types in its own graph do not affect the bounds."""
    return LayerCount("a", neurons, macs, weights, inputs, outputs, True, 10**12, 10**12)


@pytest.mark.parametrize("name", BOARDS)
def test_board_rates_are_dense_and_name_their_sources(name: str) -> None:
    board = find_board(name)
    assert board.int8_tops == pytest.approx(2 * board.fp16_tflops, rel=0.02)
    assert board.bandwidth_gbs > 0
    assert board.source.startswith("Read: ")
    assert "Derived: " in board.source


def test_an_error_about_an_unknown_board_lists_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"orin-nano, .*xavier-nx"):
        find_board("pdp-11")


def test_the_lower_bound_is_the_larger_of_arithmetic_and_memory() -> None:
    spiking = layer("n", macs=int(10.25e9), inputs=1000)
    analog = layer(macs=int(5.1e9), inputs=34_000_000)
    count = GraphCount(8, 8, (spiking, analog), ())
    fp16, int8 = outlook("orin-nano", [((8, 8), count)]).rows
    # 2 x 15.35 GMACs at 10.2 TFLOPS; 2 bytes x 34 M at 68 GB/s
    assert fp16.compute_ms == pytest.approx(2 * 15.35 / 10.2)
    assert fp16.memory_ms == pytest.approx(1.0, rel=1e-3)
    # features stay in fp16: 2 x 10.25 at 20.5 and 2 x 5.1 at 10.2
    assert int8.compute_ms == pytest.approx(1.0 + 1.0)
    for row in (fp16, int8):
        assert row.floor_ms == max(row.compute_ms, row.memory_ms)
        assert row.fps == pytest.approx(1e3 / row.floor_ms)
        assert row.limited_by == "compute"
        assert row.imgsz == (8, 8)


def test_little_arithmetic_on_much_data_is_limited_by_memory() -> None:
    large = layer("n", macs=1000, inputs=10**9)
    report = outlook("agx-orin", [((8, 8), GraphCount(8, 8, (large,), ()))])
    assert {row.limited_by for row in report.rows} == {"memory"}
    assert "not measurements" in report.meaning


def test_bytes_depend_on_the_precision_of_the_bound() -> None:
    parts = (
        layer("n", macs=0, weights=10**9, inputs=10**10, outputs=10**11),
        layer(macs=0, weights=10**9, inputs=10**10, outputs=10**11),
    )
    rows = outlook("orin-nano", [((8, 8), GraphCount(8, 8, parts, ()))]).rows
    # At 68 GB/s. In int8, weights and spikes are bytes and features stay in fp16.
    assert rows[0].memory_ms == pytest.approx(2 * 222e9 / 68e6)
    assert rows[1].memory_ms == pytest.approx((2 + 10 + 20 + 2 * 200) * 1e9 / 68e6)
