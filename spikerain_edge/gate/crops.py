"""Which parts of a frame a test looks at."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from spikerain_edge.images import Image
from spikerain_edge.sizes import Size

# Pixels; a multiple of every stride.
_SIDE = 192
# Places of the golden ratio spread evenly however many there are.
_GOLDEN = 0.6180339887498949
# Luma levels at which white streaks are hardly seen.
_BRIGHT = 200.0

Box = tuple[slice, slice]


class CropPlan:
    """Parts of a frame that tests look at, each test at two.

    One part goes through the whole picture, so that none is overlooked. The other one is taken in
    turn from the smoother and darker half of the parts, where rain is seen best.

    Args:
        size: height and width of the frames in pixels.
        whole: look at whole frames.
    """

    def __init__(self, size: Size, *, whole: bool = False) -> None:
        height, width = size if whole else crop_size(size)
        self._boxes = [
            (slice(row, row + height), slice(column, column + width))
            for row in _starts(size[0], height)
            for column in _starts(size[1], width)
        ]
        self._tests = 0

    def __len__(self) -> int:
        return len(self._boxes)

    def next(self, image: Image) -> list[Box]:
        """Returns the parts for the next test.

        Args:
            image: uint8 (H, W, 3) BGR of the size of the plan.
        """
        number, self._tests = self._tests, self._tests + 1
        turn = self._boxes[number % len(self._boxes)]
        order = np.argsort([_clutter(image[box]) for box in self._boxes], kind="stable")
        half = [self._boxes[index] for index in order[: -(-len(order) // 2)]]
        best = half[int(len(half) * (number * _GOLDEN % 1))]
        return [turn] if best == turn else [turn, best]


def crop_size(size: Size) -> Size:
    """Height and width of the parts of a frame of this size."""
    return min(_SIDE, size[0]), min(_SIDE, size[1])


def _starts(length: int, part: int) -> list[int]:
    """Places of parts along a side, which overlap so that they cover it."""
    return [round(place) for place in np.linspace(0, length - part, -(-length // part))]


def _clutter(part: Image) -> float:
    """How hard rain is to see in a part of a frame: texture and brightness, in levels."""
    grey: npt.NDArray[np.float32] = cv2.resize(
        part, (_SIDE // 4, _SIDE // 4), interpolation=cv2.INTER_AREA
    ).mean(axis=2)
    texture = np.abs(np.diff(grey, axis=0)).mean() + np.abs(np.diff(grey, axis=1)).mean()
    return float(texture + max(0.0, float(grey.mean()) - _BRIGHT))
