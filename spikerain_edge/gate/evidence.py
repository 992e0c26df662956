"""How much of the change between two frames the network explains as rain.

Rain is elsewhere in the next frame, so the light that the network removes from it changes from
frame to frame. Texture that the network takes for rain stays where it is, and what moves or
flickers passes through the network unchanged. Of the change `d` between two frames and the change
`q` of the light removed from them, `sum(q * d) / sum(d * d)` is the slope of the regression of `q`
on `d`: the share of the change that the network removes. It is close to 0 when it is dry, however
noisy the camera is, and 0.1 to 0.9 in rain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from spikerain_edge.images import Image

_Plane = npt.NDArray[np.float32]
# BGR weights of ITU-R BT.601 luma.
_LUMA = np.array([[0.114, 0.587, 0.299]], np.float32)
_BLOCK = 32
# Levels squared: a block in which less changes counts for little.
_FLOOR = 2.0
# Part of the blocks that count as unchanged in any case, so that little change proves little.
_STILL = 0.2
# Columns and rows at each edge of a crop, where the network sees less of its surroundings.
_MARGIN = 16
# Pixels: smaller movements of a camera are not compensated.
_SMALLEST_SHIFT = 0.1
# A movement is believed if undoing it leaves less than this part of the change. Interpolation
# alone, which smooths noise, leaves more.
_BELIEVED = 0.75


@dataclass(frozen=True)
class View:
    """The same part of two frames, before and after the network; all uint8 (H, W, 3) BGR."""

    earlier: Image
    later: Image
    earlier_derained: Image
    later_derained: Image


@dataclass(frozen=True)
class Evidence:
    """What two frames say about rain.

    Attributes:
        share: share of the change between the frames that the network removes, mean over the
            blocks of 32x32 pixels in which something changes; about 0 when dry, up to 1.
        light: light that the network removes and that changes between the frames, in levels
            (0 to 255) per pixel of one frame.
    """

    share: float
    light: float


def weigh(views: Sequence[View], shift: tuple[float, float] = (0.0, 0.0)) -> Evidence:
    """Measures the evidence for rain in parts of two frames.

    Args:
        views: parts of the frames, each at least 16x16 pixels.
        shift: movement of the scene from the earlier to the later frame, pixels (right, down).
    """
    common, changed, light = [], [], []
    for view in views:
        change, removed = _changes(view, shift)
        energy = _blocks(change * change)
        common.append(_blocks(change * removed) / (energy + _FLOOR))
        changed.append(energy / (energy + _FLOOR))
        agreeing = np.minimum(np.abs(change), np.abs(removed)) * np.sign(change * removed)
        light.append(float(agreeing.mean()) / 2)
    share = np.concatenate(common).mean() / (np.concatenate(changed).mean() + _STILL)
    return Evidence(float(share), max(0.0, float(np.mean(light))))


def _changes(view: View, shift: tuple[float, float]) -> tuple[_Plane, _Plane]:
    """Change between the frames, and change of the light removed from them; (H, W) levels."""
    earlier, later = _luma(view.earlier), _luma(view.later)
    removed = earlier - _luma(view.earlier_derained)
    removed_later = later - _luma(view.later_derained)
    still = _inner(earlier - later)
    if max(map(abs, shift)) > _SMALLEST_SHIFT:
        undone = _inner(earlier - _moved(later, shift))
        if np.abs(undone).mean() < _BELIEVED * np.abs(still).mean():
            return undone, _inner(removed - _moved(removed_later, shift))
    return still, _inner(removed - removed_later)


def _inner(plane: _Plane) -> _Plane:
    """A plane (H, W) without its margins; as it is where it is small."""
    if min(plane.shape) < 3 * _MARGIN:
        return plane
    return plane[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]


def _luma(image: Image) -> _Plane:
    return np.asarray(cv2.transform(image.astype(np.float32), _LUMA), np.float32)


def _moved(plane: _Plane, shift: tuple[float, float]) -> _Plane:
    """A plane (H, W) moved back by the movement of the scene."""
    back = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
    size = (plane.shape[1], plane.shape[0])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cv2.warpAffine(plane, back, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, np.float32)


def _blocks(plane: _Plane) -> _Plane:
    """Means of a plane (H, W) over blocks of 32x32 pixels or less, as a flat array."""
    height, width = min(_BLOCK, plane.shape[0]), min(_BLOCK, plane.shape[1])
    rows, columns = plane.shape[0] // height, plane.shape[1] // width
    cut = plane[: rows * height, : columns * width]
    means: _Plane = cut.reshape(rows, height, columns, width).mean(axis=(1, 3)).ravel()
    return means
