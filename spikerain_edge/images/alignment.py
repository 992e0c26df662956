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
# Pixels of these copies: narrower bright streaks are removed, because they may be rain.
_STREAK = 7
_CORNERS = 150
_LEAST_CORNER = 0.01
_BETWEEN_CORNERS = 8
_WINDOW = (21, 21)
_LEVELS = 3
_NEAR = 2.0
# Motion is trusted if so many corners, and this share of them, follow it.
_LEAST_FOLLOWERS = 8
_LEAST_SHARE = 0.2
# Things that fall may be rain: so many of the corners must then follow.
_LEAST_SHARE_FALLING = 0.7
# The camera stands still if corners do not move by this many pixels; a quarter of those that
# follow another motion are enough.
_STILL_CORNER = 0.3
_STILL_SHARE = 0.25
# Pixels by which a camera that stands still may seem to move, and the share of the frame by which
# none moves.
_STILL = 0.15
_FAR = 0.125
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
    if motion is None or _is_still(motion, now.shape) or _is_far(motion, now.shape):
        return None
    if not _explains(motion, before, now):
        return None
    # A pixel of the copies is the middle of `step` pixels.
    middle = (step - 1) / 2
    motion[:, 2] = step * motion[:, 2] + middle * (1 - motion[:, :2].sum(axis=1))
    return motion


def _similarity(before: _Pixels, now: _Pixels) -> Affine | None:
    """Returns the motion that most corners follow; None if few of them follow any."""
    corners: Any = cv2.goodFeaturesToTrack(now, _CORNERS, _LEAST_CORNER, _BETWEEN_CORNERS)
    if corners is None:
        return None
    found, seen, _ = cv2.calcOpticalFlowPyrLK(
        now, before, corners, _NEW, winSize=_WINDOW, maxLevel=_LEVELS
    )
    kept = seen[:, 0] == 1
    corners, found = corners[kept, 0], found[kept, 0]
    if len(corners) < _LEAST_FOLLOWERS:
        return None
    fitted, follow = cv2.estimateAffinePartial2D(
        corners, found, method=cv2.RANSAC, ransacReprojThreshold=_NEAR
    )
    if fitted is None:
        return None
    motion, followers = np.asarray(fitted, np.float64), np.count_nonzero(follow)
    still = np.count_nonzero(np.abs(found - corners).max(axis=1) < _STILL_CORNER)
    share = _LEAST_SHARE_FALLING if _falls(motion, now.shape) else _LEAST_SHARE
    trusted = followers >= max(_LEAST_FOLLOWERS, share * len(corners))
    return motion if trusted and still < _STILL_SHARE * followers else None


def _falls(motion: Affine, size: tuple[int, ...]) -> bool:
    """Whether the middle of the picture moves downwards, more than to a side, as rain does."""
    x, y = _shift(motion, size)
    return bool(-y > max(2 * abs(x), _NEAR))


def _shift(motion: Affine, size: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """Where the previous frame saw the middle of the picture (x, y), from the middle, in pixels."""
    middle = np.array([size[1] - 1, size[0] - 1]) / 2
    return np.asarray(motion[:, :2] @ middle + motion[:, 2] - middle)


def _is_still(motion: Affine, size: tuple[int, ...]) -> bool:
    """Whether no corner of the picture moves by more than a fraction of a pixel."""
    bottom, right = size[0] - 1, size[1] - 1
    ends = np.array([[0, 0, 1], [right, 0, 1], [0, bottom, 1], [right, bottom, 1]], float)
    return bool(np.abs(ends @ motion.T - ends[:, :2]).max() < _STILL)


def _is_far(motion: Affine, size: tuple[int, ...]) -> bool:
    return bool(np.abs(_shift(motion, size)).max() > _FAR * min(size))


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
    """Returns a small grey copy without narrow bright streaks."""
    grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
    if step > 1:
        height, width = (length // step for length in grey.shape)
        whole = grey[: height * step, : width * step]
        grey = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
    # Rain is brighter than what is behind it, and narrow.
    return np.asarray(cv2.morphologyEx(grey, cv2.MORPH_OPEN, np.ones((1, _STREAK))), np.uint8)
