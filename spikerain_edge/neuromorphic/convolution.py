"""Two-dimensional convolutions, as arrays and as synapses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Floats = npt.NDArray[np.float32]
Shape = tuple[int, ...]
Pair = tuple[int, int]


@dataclass(frozen=True)
class Conv2d:
    """A two-dimensional convolution (cross-correlation) over `(C, H, W)`.

    Attributes:
        weight: `(O, C, h, w)`.
        bias: `(O,)`.
        stride: step, vertical and horizontal.
        padding: zeros on each side, vertical and horizontal.
    """

    weight: Floats
    bias: Floats
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)

    def output_shape(self, shape: Shape) -> Shape:
        """Returns the shape of the output for the shape of an input.

        Raises:
            ValueError: the convolution cannot read that shape.
        """
        channels = self.weight.shape[1]
        if len(shape) != 3 or shape[0] != channels:
            raise ValueError(f"a convolution of {channels} channels cannot read {shape}")
        sides = [self._length(axis, size) for axis, size in enumerate(shape[1:])]
        if min(sides) < 1:
            raise ValueError(f"the kernel of a convolution is larger than its input {shape}")
        return (len(self.weight), *sides)

    def _length(self, axis: int, size: int) -> int:
        room = size + 2 * self.padding[axis] - self.weight.shape[2 + axis]
        return int(room // self.stride[axis] + 1)

    def apply(self, values: Floats) -> Floats:
        """Returns the convolution of `(C, H, W)`, with its bias."""
        (above, beside), (down, right) = self.padding, self.stride
        padded = np.pad(values, ((0, 0), (above, above), (beside, beside)))
        windows = sliding_window_view(padded, self.weight.shape[2:], axis=(1, 2))
        windows = windows[:, ::down, ::right]
        sums: Floats = np.tensordot(self.weight, windows, ((1, 2, 3), (0, 3, 4)))
        return sums + self.bias[:, None, None]

    def fan_in(self) -> int:
        """Returns the largest number of inputs that an output depends on."""
        return int(np.count_nonzero(self.weight.reshape(len(self.weight), -1), axis=1).max())

    def synapses(self, shape: Shape) -> csr_array:
        """Returns the map without the bias as a sparse matrix, one entry for each synapse.

        Args:
            shape: shape of the input, `(C, H, W)`.

        Returns:
            `(outputs, inputs)`, both flattened in C order.
        """
        from scipy import sparse

        _, height, width = self.output_shape(shape)
        total = sparse.csr_array((len(self.weight) * height * width, int(np.prod(shape))))
        for y, x in np.ndindex(self.weight.shape[2:]):
            rows = self._shift(0, y, shape[1], height)
            columns = self._shift(1, x, shape[2], width)
            channels = sparse.csr_array(self.weight[:, :, y, x])
            total = total + sparse.kron(channels, sparse.kron(rows, columns), format="csr")
        return total

    def _shift(self, axis: int, entry: int, size: int, length: int) -> Any:
        """Returns which input each output reads through an entry of the kernel, along an axis."""
        from scipy import sparse

        outputs = np.arange(length)
        inputs = outputs * self.stride[axis] + entry - self.padding[axis]
        inside = (inputs >= 0) & (inputs < size)
        ones = np.ones(int(inside.sum()), np.float32)
        return sparse.csr_array((ones, (outputs[inside], inputs[inside])), shape=(length, size))
