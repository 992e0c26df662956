"""Chooses the tiles in which images are derained."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field

from spikerain_edge.engine_header import Profile
from spikerain_edge.errors import InputError
from spikerain_edge.inference.padding import padded_size
from spikerain_edge.inference.tiling import Axis, Grid
from spikerain_edge.sizes import AUTO, MAX_SIDE, Size, Tile
from spikerain_edge.spec import ModelSpec
from spikerain_edge.system import available_memory

_log = logging.getLogger(__name__)

# Pixels that neighbouring tiles share at least; small tiles share a quarter of their side.
_OVERLAP = 32
_LEAST_SIDE = 64
# Bytes that `auto` takes for intermediate results at most, however much memory there is.
_MOST_MEMORY = 1 << 30
# Peak of the memory of a graph and its probe graph, as a multiple of what the heaviest convolution
# reads and writes in float32: measured 2.2 to 2.5 (docs/performance.md).
_OVER_HEAVIEST = 2.75
_FLOAT_BYTES = 4


@dataclass
class Tiler:
    """Divides images into tiles of one size.

    Attributes:
        spec: description of the model.
        tile: height and width of a tile; None to choose it for each size of images.
        fixed: whether smaller images are padded to a whole tile.
        pixels: largest tile that fits memory, in pixels.
        largest: largest height and width of a tile that the engine accepts.
    """

    spec: ModelSpec
    tile: Size | None
    fixed: bool = False
    pixels: int = MAX_SIDE**2
    largest: Size = (MAX_SIDE, MAX_SIDE)
    _latest: tuple[Size, Grid] | None = field(default=None, init=False)

    @classmethod
    def choosing(
        cls, spec: ModelSpec, tile: Tile, largest: Profile | None = None, pools: int = 1
    ) -> Tiler:
        """Returns the tiler that a user asks for.

        Args:
            spec: description of the model.
            tile: height and width of a tile, or `auto`: the size of the images that the model
                takes, or the largest tile that keeps intermediate results within half of the
                available memory and 1 GiB.
            largest: largest images that the engine accepts; None if it accepts every size.
            pools: pools of memory for intermediate results: 2 if the graph and its probe graph
                share none.

        Raises:
            InputError: the model cannot take tiles of this size.
        """
        if largest is None and spec.height:
            largest = Profile.fixed_at((spec.height, spec.width))
        fixed = largest is not None and largest.fixed
        if tile != AUTO:
            _require_valid(tile, spec)
            return cls(spec, tile, fixed)
        if largest is None:
            return cls(spec, None, pixels=_pixels_within(available_memory(), spec) // pools)
        return cls(spec, largest.maximum if fixed else None, fixed, largest=largest.maximum)

    def grid(self, size: Size) -> Grid:
        """Tiles for an image of this height and width."""
        if self._latest is None or self._latest[0] != size:
            self._latest = size, Grid(*self._axes(size, self._side(size)))
        return self._latest[1]

    def _side(self, size: Size) -> Size:
        """Height and width of a tile for an image."""
        padded = padded_size(size, self.spec.stride)
        if self.tile is None:
            return self._chosen(padded)
        if self.fixed:
            return self.tile
        return min(self.tile[0], padded[0]), min(self.tile[1], padded[1])

    def _chosen(self, size: Size) -> Size:
        """The tile with the least work among the largest ones that fit."""
        rows, columns = (
            list(_divisions(side, most, self.spec.stride))
            for side, most in zip(size, self.largest, strict=True)
        )
        fitting = [
            (height, max(widths))
            for height in rows
            if (widths := [width for width in columns if height * width <= self.pixels])
        ]
        smallest = rows[-1], columns[-1]
        return min(fitting, key=lambda tile: self._work(size, tile), default=smallest)

    def _work(self, size: Size, tile: Size) -> tuple[int, int]:
        """Pixels that the network computes; of equal ones, square tiles come first."""
        height, width = Grid(*self._axes(size, tile)).computed
        return height * width, abs(tile[0] - tile[1])

    def _axes(self, size: Size, tile: Size) -> Iterator[Axis]:
        stride = self.spec.stride
        for length, side in zip(size, tile, strict=True):
            yield Axis.covering(length, side, overlap_of(side, stride), stride)


def describe(size: Size, grid: Grid) -> str:
    """Says into which tiles an image of a height and width is divided."""
    whole, tile = ("{1}x{0}".format(*sides) for sides in (size, grid.tile))
    if grid.count == 1:
        return f"images of {whole} are derained whole: they fit one tile of {tile}"
    return f"images of {whole} are derained in {grid.count} tiles of {tile}, and blended"


def overlap_of(side: int, stride: int) -> int:
    """Pixels that tiles of a side share with their neighbours, a multiple of the stride."""
    return min(_OVERLAP, side // 4) // stride * stride


def _divisions(length: int, most: int, stride: int) -> Iterator[int]:
    """Sides of 1, 2, 3 ... equal tiles that cover a length, largest first."""
    count = 1
    while True:
        side = -(-(length + (count - 1) * _OVERLAP) // count)
        side += -side % stride
        if side <= 2 * _LEAST_SIDE:
            yield min(side, most)
            return
        if side <= most:
            yield side
        count += 1


def _pixels_within(available: int | None, spec: ModelSpec) -> int:
    """Pixels of an image whose intermediate results take half of the memory or less."""
    # Potentials and what lies between convolutions are floats in a graph of integers too.
    heaviest = _FLOAT_BYTES * max(
        operation.reads.per_pixel + operation.writes.per_pixel for operation in spec.operations
    )
    memory = _MOST_MEMORY if available is None else min(_MOST_MEMORY, available // 2)
    return int(memory / (heaviest * _OVER_HEAVIEST))


def _require_valid(tile: Size, spec: ModelSpec) -> None:
    """Checks that a model can take tiles of a size.

    Raises:
        InputError: it takes another size only, or a side is too small or not a multiple of the
            stride.
    """
    height, width = tile
    if spec.height and tile != (spec.height, spec.width):
        raise InputError(
            f"{spec.name} takes images of {spec.width}x{spec.height} only, not tiles of "
            f"{width}x{height}",
            "use tiles of this size: --tile auto",
        )
    if min(tile) < _LEAST_SIDE:
        raise InputError(
            f"a tile of {width}x{height} is too small",
            f"use tiles of at least {_LEAST_SIDE}x{_LEAST_SIDE}, or --tile auto",
        )
    higher, wider = padded_size(tile, spec.stride)
    if (higher, wider) != tile:
        raise InputError(
            f"the sides of a tile of {width}x{height} are not multiples of {spec.stride}, the "
            f"stride of {spec.name}",
            f"use --tile {wider}x{higher}",
        )
