"""Lays feature maps out on coarser grids, so that convolutions alone can enlarge them.

NIR has no upsampling. But a map of `C` channels can be stored as one of `C * p * p` channels on a
grid that is `p` times coarser, as a pixel-unshuffle does: each cell holds `p * p` pixels (phases).
A convolution between two such maps is again a convolution, from cells to cells. A pixel-shuffle
after it only gives each cell more phases. So a decoder can stay on the coarsest grid. Its neurons
and synapses stay the same. Only zeros are added.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spikerain_export.builder import Array


@dataclass(frozen=True)
class Layout:
    """How a feature map is stored.

    Attributes:
        scale: image pixels per feature pixel, in each direction.
        cell: image pixels per cell of the grid, in each direction; a multiple of `scale`.
    """

    scale: int
    cell: int

    @property
    def phases(self) -> int:
        """Feature pixels per cell, in each direction."""
        return self.cell // self.scale


@dataclass(frozen=True, eq=False)
class CellConvolution:
    """A convolution from cells to cells.

    Attributes:
        weight: float64 (outputs * q * q, inputs * p * p, k, k), where the source has `p` phases
            and the target `q`.
        stride: stride in both directions.
        padding: zeros on each side.
    """

    weight: Array
    stride: int
    padding: int


def pack(array: Array, phases: int) -> Array:
    """Moves `phases * phases` pixels of each cell to channels.

    Args:
        array: (..., C, H, W).
        phases: feature pixels per cell, in each direction.

    Returns:
        (..., C * phases**2, H / phases, W / phases); channel `c * phases**2 + row * phases +
        column`, the order of PyTorch's `pixel_unshuffle`.
    """
    *lead, channels, height, width = array.shape
    rows, columns = height // phases, width // phases
    cells = array.reshape(*lead, channels, rows, phases, columns, phases)
    moved = np.moveaxis(cells, (-3, -1), (-4, -3))
    return moved.reshape(*lead, channels * phases**2, rows, columns)


def unpack(array: Array, phases: int) -> Array:
    """Undoes `pack`."""
    *lead, channels, rows, columns = array.shape
    cells = array.reshape(*lead, channels // phases**2, phases, phases, rows, columns)
    moved = np.moveaxis(cells, (-4, -3), (-3, -1))
    return moved.reshape(*lead, channels // phases**2, rows * phases, columns * phases)


def packed_convolution(
    weight: Array,
    source: Layout,
    target: Layout,
    padding: int,
    *,
    stride: int = 1,
    shuffle: int = 1,
) -> CellConvolution:
    """Rewrites a convolution so that it reads and makes packed maps.

    Args:
        weight: (outputs * shuffle**2, inputs, k, k).
        source: layout of the map that it reads.
        target: layout of the map that it makes, after the shuffle; its cells are not smaller.
        padding: zeros on each side.
        stride: stride in both directions.
        shuffle: factor of the pixel-shuffle after it.
    """
    taps = weight.shape[-1]
    p, q, step = source.phases, target.phases, target.cell // source.cell
    # Which cell and which phase of the source each tap reads, for each phase of the target.
    read = [
        [divmod(phase // shuffle * stride + tap - padding, p) for tap in range(taps)]
        for phase in range(q)
    ]
    first, last = read[0][0][0], read[-1][-1][0]
    # The output has as many cells as it should, for any size, if `2 * pad < k <= 2 * pad + step`.
    pad = max(-first, last + 1 - step, 0)
    kernel = max(last + pad + 1, 2 * pad + 1)
    outputs, inputs = weight.shape[0] // shuffle**2, weight.shape[1]
    packed = np.zeros((outputs, q, q, inputs, p, p, kernel, kernel))
    shares = weight.astype(np.float64).reshape(outputs, shuffle, shuffle, inputs, taps, taps)
    for row, column in np.ndindex(q, q):
        for i, j in np.ndindex(taps, taps):
            (y, a), (x, b) = read[row][i], read[column][j]
            packed[:, row, column, :, a, b, y + pad, x + pad] += shares[
                :, row % shuffle, column % shuffle, :, i, j
            ]
    shape = (outputs * q * q, inputs * p * p, kernel, kernel)
    return CellConvolution(packed.reshape(shape), step, pad)
