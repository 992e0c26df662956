"""Bounds from a board's public peak rates: a roofline, not a measurement.

S. Williams, A. Waterman, D. Patterson: Roofline, Communications of the ACM 52 (4), 2009.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from spikerain_edge.errors import InputError
from spikerain_edge.profiling.document import Bound, Outlook
from spikerain_edge.profiling.operations import GraphCount, LayerCount
from spikerain_edge.profiling.records import Size

BoardPrecision = Literal["fp16", "int8"]
_MEANING = (
    "Bounds, not measurements: no engine that runs one convolution after the other can be faster "
    "than its multiply-accumulates at the peak dense rate or its bytes at the peak bandwidth. Real "
    "engines reach a fraction of either. In int8, convolutions on features stay in fp16. The rates "
    "are for the GPU alone; nothing was run on the board."
)


@dataclass(frozen=True)
class ElementBytes:
    """Bytes of an element of a tensor on a board, independent of its type in the graph."""

    weight: int
    spike: int
    feature: int

    @classmethod
    def of(cls, precision: BoardPrecision) -> ElementBytes:
        """Returns the sizes of a precision.

        In `int8`, weights and spikes have 8 bits and other features 16: what charges a membrane
        has to resolve the neighbourhood of the threshold.
        """
        sizes = {"fp16": cls(2, 2, 2), "int8": cls(1, 1, 2)}
        return sizes[precision]

    def moved(self, layer: LayerCount) -> int:
        """Returns the bytes of a convolution's weights, input and output, each once."""
        read = layer.inputs * (self.spike if layer.spiking else self.feature)
        return layer.weights * self.weight + read + layer.outputs * self.feature


@dataclass(frozen=True)
class Board:
    """Peak rates of a board.

    Attributes:
        name: the module and its power mode.
        fp16_tflops: 1e12 dense operations per second, two per multiply-accumulate.
        int8_tops: likewise with 8-bit integers.
        bandwidth_gbs: 1e9 bytes per second of memory.
        source: what was read where, what was derived from it, and what nobody has checked.
    """

    name: str
    fp16_tflops: float
    int8_tops: float
    bandwidth_gbs: float
    source: str


def find_board(name: str) -> Board:
    """Finds a board by its short name.

    Raises:
        InputError: it is not in `boards.json`.
    """
    boards = json.loads(Path(__file__).with_name("boards.json").read_text())
    if name not in boards:
        raise InputError(f"{name!r} is not a known board", f"choose one of {', '.join(boards)}")
    return Board(**boards[name])


def outlook(board_name: str, counts: Sequence[tuple[Size, GraphCount]]) -> Outlook:
    """Returns bounds for every size and precision.

    Args:
        board_name: short name of the board.
        counts: size asked for (height, width), and what a frame of it costs.

    Raises:
        InputError: no such board.
    """
    board = find_board(board_name)
    precisions: tuple[BoardPrecision, ...] = ("fp16", "int8")
    return Outlook(
        board=board_name,
        name=board.name,
        source=board.source,
        meaning=_MEANING,
        rows=[
            _bound(board, size, count, precision)
            for size, count in counts
            for precision in precisions
        ],
    )


def _bound(board: Board, size: Size, count: GraphCount, precision: BoardPrecision) -> Bound:
    """Computes `max(MACs / peak rate, bytes / bandwidth)` per frame, in milliseconds."""
    fp16_macs, int8_macs = count.dense_macs, 0
    if precision == "int8":
        fp16_macs, int8_macs = count.analog_macs, count.spiking_macs
    seconds = 2 * (fp16_macs / board.fp16_tflops + int8_macs / board.int8_tops) * 1e-12
    compute = seconds * 1e3
    moved = sum(ElementBytes.of(precision).moved(layer) for layer in count.layers)
    memory = moved / (board.bandwidth_gbs * 1e9) * 1e3
    floor = max(compute, memory)
    return Bound(
        imgsz=size,
        precision=precision,
        compute_ms=compute,
        memory_ms=memory,
        floor_ms=floor,
        fps=1e3 / floor,
        limited_by="compute" if compute >= memory else "memory",
    )
