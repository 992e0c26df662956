"""Scenes that move: camera paths over photographs, and objects in front of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from spikerain_edge.images import Image

Floats = npt.NDArray[np.float64]
_Mask = npt.NDArray[np.float32]

MARGIN = 24
"""Pixels around a view by which a picture should be larger, so that motion stays inside."""


@dataclass(frozen=True)
class Motion:
    """How the view of a picture moves from frame to frame.

    Attributes:
        shifts: position of the view in pixels of the picture (x, y), (frames, 2).
        zooms: pixels of the picture per pixel of the view, (frames,).
        turns: rotation of the view in radians, (frames,).
    """

    shifts: Floats
    zooms: Floats
    turns: Floats

    @property
    def still(self) -> bool:
        """Whether the view is the middle of the picture in all frames."""
        return not (self.shifts.any() or self.turns.any() or (self.zooms != 1).any())

    def plus(self, shifts: Floats, factor: float = 1.0) -> Motion:
        """Returns the motion of a thing that moves by itself, or faster, as near things do.

        Args:
            shifts: what is added to the shifts, in pixels, (frames, 2).
            factor: what the shifts of this motion are multiplied by.
        """
        return Motion(self.shifts * factor + shifts, self.zooms, self.turns)


def static(frames: int, rng: np.random.Generator) -> Motion:
    """Returns a camera that does not move."""
    return Motion(np.zeros((frames, 2)), np.ones(frames), np.zeros(frames))


def panning(frames: int, rng: np.random.Generator) -> Motion:
    """Draws a camera that pans by 0.5 to 6 pixels a frame, mostly sideways."""
    speed = math.exp(rng.uniform(math.log(0.5), math.log(6)))
    angle = rng.choice([0.0, math.pi]) + rng.normal(0, 0.4)
    velocity = speed * np.array([math.cos(angle), math.sin(angle)])
    return static(frames, rng).plus(_centred(frames)[:, None] * velocity + rng.random(2))


def zooming(frames: int, rng: np.random.Generator) -> Motion:
    """Draws a camera that zooms by up to 2 % a frame, in or out, and pans slowly."""
    rate = rng.choice([-1, 1]) * rng.uniform(0.002, 0.02)
    drift = _centred(frames)[:, None] * rng.normal(0, 0.7, 2)
    return Motion(drift + rng.random(2), np.exp(rate * _centred(frames)), np.zeros(frames))


def hand_held(frames: int, rng: np.random.Generator) -> Motion:
    """Draws a camera in a hand: it shakes by 0.3 to 2.5 pixels a frame, and turns a little."""
    size = math.exp(rng.uniform(math.log(0.3), math.log(2.5)))
    steps = rng.normal(0, size, (frames, 2))
    # The hand is pulled back to where it points.
    shifts = np.zeros((frames, 2))
    for frame in range(1, frames):
        shifts[frame] = 0.9 * shifts[frame - 1] + steps[frame]
    turns = np.radians(rng.normal(0, 0.15 * size, frames))
    return Motion(shifts + rng.random(2), np.ones(frames), turns)


MOTIONS: Mapping[str, Callable[[int, np.random.Generator], Motion]] = {
    "static": static,
    "panning": panning,
    "zooming": zooming,
    "hand-held": hand_held,
}


def filmed(picture: Image, motion: Motion, side: int) -> list[Image]:
    """Returns the frames of a camera that moves over a picture.

    Args:
        picture: (H, W, 3) uint8 BGR, larger than a frame by `MARGIN` on all sides; beyond its
            border it is reflected.
        motion: motion of the camera.
        side: height and width of the frames in pixels.

    Returns:
        One image (side, side, 3) uint8 BGR for each frame of the motion.
    """
    if motion.still:
        top, left = ((size - side) // 2 for size in picture.shape[:2])
        middle = np.ascontiguousarray(picture[top : top + side, left : left + side])
        return [middle] * len(motion.zooms)
    return [
        np.asarray(_viewed(picture, matrix, side, cv2.INTER_CUBIC), np.uint8)
        for matrix in _matrices(picture.shape[:2], motion, side)
    ]


def passed_by(
    frames: Sequence[Image], thing: Image, mask: _Mask, motion: Motion, side: int
) -> list[Image]:
    """Pastes a thing that moves in front of frames.

    Args:
        frames: images (side, side, 3) uint8 BGR.
        thing: what the thing looks like, (H, W, 3) uint8 BGR.
        mask: how opaque it is, 0 to 1, (H, W).
        motion: motion of the camera over the thing.
        side: height and width of the frames in pixels.
    """
    pasted = []
    for frame, matrix in zip(frames, _matrices(mask.shape, motion, side), strict=True):
        look = _viewed(thing, matrix, side, cv2.INTER_CUBIC).astype(np.float32)
        opaque = cv2.warpAffine(mask, matrix, (side, side), flags=_INVERSE)[..., None]
        mixed = frame + opaque * (look - frame)
        pasted.append(np.clip(mixed + 0.5, 0, 255).astype(np.uint8))
    return pasted


def sample_blob(size: int, share: float, rng: np.random.Generator) -> _Mask:
    """Draws a soft-edged shape that covers about `share` of a square; (size, size), 0 to 1."""
    coarse = rng.random((4, 4)).astype(np.float32)
    smooth = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    shape = (smooth >= np.quantile(smooth, 1 - share)).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(shape, (0, 0), rng.uniform(0.5, 1.5)), np.float32)


_INVERSE = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP


def motions(size: Sequence[int], motion: Motion, side: int) -> list[Floats]:
    """Returns where the frame before saw the places of each frame but the first.

    Args:
        size: height and width of the picture that is filmed.
        motion: motion of the camera.
        side: height and width of the frames in pixels.

    Returns:
        Matrices (2, 3) that map places (x, y, 1) in a frame to places in the frame before.
    """
    matrices = [np.vstack([matrix, [0, 0, 1]]) for matrix in _matrices(size, motion, side)]
    return [(np.linalg.inv(before) @ now)[:2] for before, now in pairwise(matrices)]


def _viewed(picture: Image, matrix: Floats, side: int, interpolation: int) -> Image:
    flags = interpolation | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(
        picture, matrix, (side, side), flags=flags, borderMode=cv2.BORDER_REFLECT_101
    )
    return np.asarray(moved, np.uint8)


def _matrices(size: Sequence[int], motion: Motion, side: int) -> list[Floats]:
    """Returns matrices (2, 3) that map places in the frames to places in the picture."""
    middle = (side - 1) / 2
    centre = (np.array([size[1], size[0]]) - 1) / 2
    matrices = []
    for shift, zoom, turn in zip(motion.shifts, motion.zooms, motion.turns, strict=True):
        cosine, sine = zoom * math.cos(turn), zoom * math.sin(turn)
        linear = np.array([[cosine, -sine], [sine, cosine]])
        offset = centre + shift - linear @ np.full(2, middle)
        matrices.append(np.column_stack([linear, offset]))
    return matrices


def _centred(frames: int) -> Floats:
    """Returns times in frames with a mean of zero."""
    return np.arange(frames, dtype=np.float64) - (frames - 1) / 2
