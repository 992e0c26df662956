"""Derains large images in overlapping tiles of one size, and blends the tiles.

Positions are multiples of the stride, so that the network samples a tile where it samples the
whole image. The weights of a tile fall to zero towards its edges, where it lacks its surroundings.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

from spikerain_edge.errors import TooLargeError
from spikerain_edge.images import Image
from spikerain_edge.inference.engine import Images
from spikerain_edge.inference.padding import pad
from spikerain_edge.sizes import Size

Weights = npt.NDArray[np.float32]


class Infer(Protocol):
    """Derains tiles, as engines do."""

    def __call__(self, images: Images, previous: Images | None = None, /) -> Images:
        """Returns images derained; see `Engine.infer`."""
        ...


@dataclass(frozen=True)
class Axis:
    """Tiles along one side of an image.

    Attributes:
        length: pixels of the side.
        tile: pixels of a tile, a multiple of the stride.
        starts: first pixel of each tile, ascending multiples of the stride. The last tile may
            reach beyond the image.
    """

    length: int
    tile: int
    starts: tuple[int, ...]

    @classmethod
    def covering(cls, length: int, tile: int, overlap: int, stride: int) -> Axis:
        """Covers a side with as few tiles as possible, evenly spread.

        Args:
            length: pixels of the side.
            tile: pixels of a tile, a multiple of the stride.
            overlap: pixels that neighbouring tiles share at least, a multiple of the stride and
                less than a tile.
            stride: stride of the network.
        """
        padded = length + -length % stride
        gaps = max(0, math.ceil((padded - tile) / (tile - overlap)))
        spread = range(gaps + 1)
        room = (padded - tile) // stride
        return cls(length, tile, tuple(room * n // max(1, gaps) * stride for n in spread))

    @cached_property
    def weights(self) -> tuple[Weights, ...]:
        """Weights of each tile, float32 (tile,); over all tiles, those of a pixel add up to 1.

        They are raised cosines where tiles overlap, so that no edge of a tile shows.
        """
        total = np.zeros(self.starts[-1] + self.tile)
        windows = []
        for number, start in enumerate(self.starts):
            window = np.ones(self.tile)
            if number:
                fade = _fade(self.starts[number - 1] + self.tile - start)
                window[: len(fade)] *= fade
            if number + 1 < len(self.starts):
                fade = _fade(start + self.tile - self.starts[number + 1])
                window[self.tile - len(fade) :] *= fade[::-1]
            total[start : start + self.tile] += window
            windows.append(window)
        return tuple(
            (window / total[start : start + self.tile]).astype(np.float32)
            for start, window in zip(self.starts, windows, strict=True)
        )


@dataclass(frozen=True)
class Grid:
    """Tiles of one size that cover an image.

    Attributes:
        rows: tiles from top to bottom.
        columns: tiles from left to right.
    """

    rows: Axis
    columns: Axis

    @classmethod
    def covering(cls, size: Size, tile: Size, overlap: int, stride: int) -> Grid:
        """Covers an image (height, width) with tiles (height, width); see `Axis.covering`."""
        rows, columns = (
            Axis.covering(length, side, overlap, stride)
            for length, side in zip(size, tile, strict=True)
        )
        return cls(rows, columns)

    @property
    def tile(self) -> Size:
        """Height and width of a tile in pixels."""
        return self.rows.tile, self.columns.tile

    @property
    def count(self) -> int:
        """Number of tiles."""
        return len(self.rows.starts) * len(self.columns.starts)

    @property
    def computed(self) -> Size:
        """Height and width of an image of as many pixels as all tiles have together."""
        height, width = self.tile
        return len(self.rows.starts) * height, len(self.columns.starts) * width

    def derain(self, image: Image, infer: Infer, previous: Image | None = None) -> Image:
        """Derains an image tile by tile and blends the tiles.

        Only one row of tiles is in memory at a time.

        Args:
            image: uint8 (H, W, 3).
            infer: derains a tile, uint8 (1, h, w, 3), padded by reflection where the image ends,
                given the same tile of the previous frame.
            previous: the frame before, of the same shape, or None.

        Returns:
            A new uint8 array (H, W, 3).
        """
        height, width = image.shape[:2]
        if self.count == 1:
            return infer(*self._cut(image, previous, 0, 0))[0, :height, :width]
        blended = np.empty_like(image, order="C")
        tile_height, tile_width = self.tile
        sums = np.zeros((tile_height, self.columns.starts[-1] + tile_width, 3), np.float32)
        ends = (*self.rows.starts[1:], height)
        for top, end, vertical in zip(self.rows.starts, ends, self.rows.weights, strict=True):
            for left, horizontal in zip(self.columns.starts, self.columns.weights, strict=True):
                weights = np.outer(vertical, horizontal)[..., None]
                tile = infer(*self._cut(image, previous, top, left))[0]
                sums[:, left : left + tile_width] += weights * tile
            done = end - top
            blended[top:end] = np.rint(sums[:done, :width])
            # The next row of tiles begins before this one ends.
            sums[: tile_height - done] = sums[done:]
            sums[tile_height - done :] = 0
        return blended

    def _cut(self, image: Image, previous: Image | None, top: int, left: int) -> list[Images]:
        """Cuts a tile out of an image and out of the previous frame, each uint8 (1, h, w, 3)."""
        height, width = self.tile
        frames = (frame for frame in (image, previous) if frame is not None)
        parts = (frame[top : top + height, left : left + width] for frame in frames)
        return [np.ascontiguousarray(pad(part, self.tile)[None]) for part in parts]


def in_tiles(image: Image, previous: Image | None, grid: Grid, infer: Infer) -> Image:
    """Derains an image in tiles; see `Grid.derain`.

    Raises:
        TooLargeError: memory is short even for tiles.
    """
    try:
        return grid.derain(image, infer, previous)
    except (TooLargeError, MemoryError) as error:
        height, width = grid.tile
        raise TooLargeError(
            f"not enough memory for tiles of {width}x{height}",
            "use smaller tiles, such as --tile 256, or close other programs",
        ) from error


def _fade(length: int) -> npt.NDArray[np.float64]:
    """A raised cosine from 0 to 1, float64 (length,)."""
    return 0.5 - 0.5 * np.cos(np.pi * (np.arange(length) + 0.5) / length)
