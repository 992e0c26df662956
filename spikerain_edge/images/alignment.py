"""Aligns the previous frame of a camera that moves with the current one."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from spikerain_edge.images import Image

Affine = npt.NDArray[np.float64]
"""Matrix (2, 3) that maps places (x, y, 1) in a frame to places in the previous one, in pixels."""

# Rows or columns, whichever are fewer, of the grey copies in which motion is found.
_ENOUGH = 240
_CORNERS = 150
_LEAST_CORNER = 0.01
_BETWEEN_CORNERS = 8
_WINDOW = (15, 15)
_LEVELS = 3
_NEAR = 2.0
# Motion is trusted if so many corners, and this share of them, follow it.
_LEAST_FOLLOWERS = 8
_LEAST_SHARE = 0.2
# Pixels by which a camera that stands still may seem to move.
_STILL = 0.15
# What is aligned must differ from the frame by less than this share of what is not.
_BETTER = 0.95
_NEW: Any = None  # OpenCV then allocates the points

_Pixels = npt.NDArray[np.uint8]


def align(previous: Image, image: Image) -> Image:
    """Moves the previous frame to where the camera looks now.

    A pan, a turn and a zoom of the whole picture are followed: the corners (Shi and Tomasi 1994) of
    the frame are found again in the previous one by the pyramidal Lucas-Kanade tracker, and a
    similarity is fitted to them by RANSAC. What moves by itself is not followed.

    Args:
        previous: frame, uint8 (H, W, 3) BGR.
        image: the frame after it, of the same shape.

    Returns:
        A frame of that shape: `previous` itself where the camera stands still or its motion is not
        clear; else a new array, which shows `image` where the previous frame saw nothing.
    """
    motion = camera_motion(previous, image)
    return previous if motion is None else moved(previous, image, motion)


def moved(previous: Image, image: Image, motion: Affine) -> Image:
    """Moves the previous frame by a known motion of the camera; otherwise as `align`.

    Args:
        previous: frame, uint8 (H, W, 3) BGR.
        image: the frame after it, of the same shape.
        motion: where the previous frame saw each place.
    """
    if _is_still(motion, image.shape):
        return previous
    return np.asarray(_moved(previous, image, motion, cv2.INTER_CUBIC), np.uint8)


def camera_motion(previous: Image, image: Image) -> Affine | None:
    """Finds how the camera has moved between two frames.

    Args:
        previous: frame, uint8 (H, W, 3) BGR.
        image: the frame after it, of the same shape.

    Returns:
        Where the previous frame saw each place; None where the camera stands still or its motion
        is not clear.
    """
    step = max(1, round(min(image.shape[:2]) / _ENOUGH))
    before, now = (_grey(frame, step) for frame in (previous, image))
    motion = _similarity(before, now)
    if motion is None or _is_still(motion, now.shape) or not _explains(motion, before, now):
        return None
    # A pixel of the copies is the middle of `step` pixels.
    middle = (step - 1) / 2
    motion[:, 2] = step * motion[:, 2] + middle * (1 - motion[:, :2].sum(axis=1))
    return motion


def _similarity(before: _Pixels, now: _Pixels) -> Affine | None:
    corners: Any = cv2.goodFeaturesToTrack(now, _CORNERS, _LEAST_CORNER, _BETWEEN_CORNERS)
    if corners is None:
        return None
    found, seen, _ = cv2.calcOpticalFlowPyrLK(
        now, before, corners, _NEW, winSize=_WINDOW, maxLevel=_LEVELS
    )
    kept = seen[:, 0] == 1
    if np.count_nonzero(kept) < _LEAST_FOLLOWERS:
        return None
    motion, follow = cv2.estimateAffinePartial2D(
        corners[kept], found[kept], method=cv2.RANSAC, ransacReprojThreshold=_NEAR
    )
    followers = np.count_nonzero(follow)
    if motion is None or followers < max(_LEAST_FOLLOWERS, _LEAST_SHARE * len(corners)):
        return None
    return np.asarray(motion, np.float64)


def _is_still(motion: Affine, size: tuple[int, ...]) -> bool:
    """Whether no corner of the picture moves by more than a fraction of a pixel."""
    bottom, right = size[0] - 1, size[1] - 1
    ends = np.array([[0, 0, 1], [right, 0, 1], [0, bottom, 1], [right, bottom, 1]], float)
    return bool(np.abs(ends @ motion.T - ends[:, :2]).max() < _STILL)


def _explains(motion: Affine, before: _Pixels, now: _Pixels) -> bool:
    """Whether the frames are more alike with the motion than without it."""
    after = cv2.norm(_moved(before, now, motion, cv2.INTER_LINEAR), now, cv2.NORM_L1)
    return after < _BETTER * cv2.norm(before, now, cv2.NORM_L1)


def _moved(frame: _Pixels, behind: _Pixels, motion: Affine, interpolation: int) -> Any:
    return cv2.warpAffine(
        frame,
        motion,
        frame.shape[1::-1],
        dst=behind.copy(),
        flags=interpolation | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_TRANSPARENT,
    )


def _grey(frame: Image, step: int) -> _Pixels:
    grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
    if step > 1:
        height, width = (length // step for length in grey.shape)
        whole = grey[: height * step, : width * step]
        grey = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(grey, np.uint8)
