from __future__ import annotations

import json
from importlib.resources import files

import pytest

from spikerain_edge.errors import InputError
from spikerain_edge.profiling.boards import find_board, outlook
from spikerain_edge.profiling.operations import GraphCount, LayerCount

BOARDS = json.loads(files("spikerain_edge.profiling").joinpath("boards.json").read_text("utf-8"))


@pytest.mark.parametrize("name", BOARDS)
def test_rates_are_dense_and_say_what_was_read_and_what_was_derived(name: str) -> None:
    board = find_board(name)
    assert board.int8_tops == pytest.approx(2 * board.fp16_tflops, rel=0.02)
    assert board.bandwidth_gbs > 0
    assert board.source.startswith("Read: ")
    assert "Derived: " in board.source


def test_an_unknown_board_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"orin-nano, .*xavier-nx"):
        find_board("pdp-11")


def test_the_floor_is_the_larger_of_arithmetic_and_memory() -> None:
    spiking = LayerCount("a", ("n",), int(10.25e9), 0, inputs=1000, outputs=0, biased=True)
    analog = LayerCount("b", (), int(5.1e9), 0, inputs=34_000_000, outputs=0, biased=True)
    count = GraphCount(8, 8, (spiking, analog), ())
    fp16, int8 = outlook("orin-nano", [((8, 8), count)])["rows"]
    # 2 x 15.35 GMACs at 10.2 TFLOPS; 2 bytes x 34 M at 68 GB/s
    assert fp16["compute_ms"] == pytest.approx(2 * 15.35 / 10.2)
    assert fp16["memory_ms"] == pytest.approx(1.0, rel=1e-3)
    # features stay in fp16: 2 x 10.25 at 20.5 and 2 x 5.1 at 10.2
    assert int8["compute_ms"] == pytest.approx(1.0 + 1.0)
    for row in (fp16, int8):
        assert row["floor_ms"] == max(row["compute_ms"], row["memory_ms"])
        assert row["fps"] == pytest.approx(1e3 / row["floor_ms"])
        assert row["limited_by"] == "compute"
        assert row["imgsz"] == [8, 8]


def test_little_arithmetic_on_much_data_is_limited_by_memory() -> None:
    layer = LayerCount("a", ("n",), macs=1000, weights=0, inputs=10**9, outputs=0, biased=True)
    report = outlook("agx-orin", [((8, 8), GraphCount(8, 8, (layer,), ()))])
    assert {row["limited_by"] for row in report["rows"]} == {"memory"}
    assert "not measurements" in report["meaning"]
