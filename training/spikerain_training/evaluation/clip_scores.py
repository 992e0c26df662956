"""Scores of derained clips with and without ground truth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from spikerain_edge.images import Image
from spikerain_edge.images.metrics import Plane, luma, quality

WARM_UP = 2
"""Frames at the beginning of a clip that are not scored."""
TRACK_LENGTH = 10
"""Frames over which feature tracks are followed."""

_BLOCK = 24
_STATIC_LEVELS = 12.0
_CORNERS = 2000
_LEAST_CORNER = 0.001
_BETWEEN_CORNERS = 5
_MOST_ERROR = 0.5
_NEW: Any = None  # OpenCV then allocates the points


@dataclass(frozen=True)
class ClipScore:
    """Scores of a clip with ground truth, as means over the frames after the warm-up.

    Attributes:
        psnr_y: PSNR on MATLAB luma in dB.
        ssim_y: SSIM on MATLAB luma.
        psnr_rgb: PSNR over all RGB values in dB.
        ssim_rgb: mean SSIM of the RGB channels.
        flicker: mean absolute change of the error from frame to frame, in levels of luma.
    """

    psnr_y: float
    ssim_y: float
    psnr_rgb: float
    ssim_rgb: float
    flicker: float

    def values(self) -> list[float]:
        """Returns the scores in the order of `score_names`."""
        return [getattr(self, name) for name in score_names()]


def score_names() -> list[str]:
    """Returns the names of the scores in `ClipScore`."""
    return [field.name for field in fields(ClipScore)]


def score_clip(frames: Sequence[Image], truth: Sequence[Image]) -> ClipScore:
    """Compares the frames of a clip with the ground truth.

    The error `e[t] = frame[t] - truth[t]` of a scene that moves does not flicker if it is constant:
    flicker is `mean |e[t] - e[t-1]|` on luma.

    Args:
        frames: at least `WARM_UP + 2` frames, uint8 (H, W, 3) BGR.
        truth: the same frames without rain.

    Raises:
        ValueError: the clip is too short, or the frames differ in size or are smaller than 11x11.
    """
    if len(frames) < WARM_UP + 2:
        raise ValueError(f"a clip of {len(frames)} frames is too short")
    late = list(zip(frames, truth, strict=True))[WARM_UP:]
    errors = [luma(frame) - luma(clean) for frame, clean in late]
    flicker = np.mean([np.abs(b - a).mean() for a, b in pairwise(errors)])
    rows = [quality(frame, clean).values() for frame, clean in late]
    psnr_y, ssim_y, psnr_rgb, ssim_rgb = np.mean(rows, axis=0).tolist()
    return ClipScore(psnr_y, ssim_y, psnr_rgb, ssim_rgb, float(flicker))


def static_region(frames: Sequence[Image]) -> npt.NDArray[np.bool_]:
    """Returns where nothing but rain moves, (H, W), for a clip of a static camera.

    A pixel is static if the temporal medians of successive blocks of 24 frames stay within 12
    levels of luma: rain hides a place only for a moment.

    Args:
        frames: rainy frames, uint8 (H, W, 3) BGR.
    """
    whole = len(frames) - len(frames) % _BLOCK or len(frames)
    medians = [
        np.median([luma(frame) for frame in frames[start : start + _BLOCK]], axis=0)
        for start in range(0, whole, _BLOCK)
    ]
    return np.asarray(np.ptp(medians, axis=0) <= _STATIC_LEVELS)


def frame_change(frames: Sequence[Image], region: npt.NDArray[np.bool_]) -> float:
    """Returns the mean absolute change from frame to frame in a region, in levels of luma."""
    planes: list[Plane] = [luma(frame) for frame in frames[WARM_UP:]]
    changes = [np.abs(b - a)[region].mean() for a, b in pairwise(planes)]
    return float(np.mean(changes))


def kept_tracks(frames: Sequence[Image]) -> float:
    """Returns how many feature tracks live for 10 frames, as a mean over the starts.

    It is NaN for a clip of fewer than 11 frames after the warm-up.

    At every tenth frame, at most 2000 corners (Shi and Tomasi 1994) are found and followed by the
    pyramidal Lucas-Kanade tracker. A track lives as long as following it back ends within half a
    pixel of where it came from.

    Args:
        frames: uint8 (H, W, 3) BGR.
    """
    grey: list[Any] = [cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY) for frame in frames[WARM_UP:]]
    starts = range(0, len(grey) - TRACK_LENGTH, TRACK_LENGTH)
    if not starts:
        return math.nan
    return float(np.mean([_kept(grey[start : start + TRACK_LENGTH + 1]) for start in starts]))


def _kept(grey: Sequence[Any]) -> int:
    points: Any = cv2.goodFeaturesToTrack(grey[0], _CORNERS, _LEAST_CORNER, _BETWEEN_CORNERS)
    if points is None:
        return 0
    for first, second in pairwise(grey):
        if not len(points):
            break
        ahead, seen, _ = cv2.calcOpticalFlowPyrLK(first, second, points, _NEW)
        back, seen_again, _ = cv2.calcOpticalFlowPyrLK(second, first, ahead, _NEW)
        error = np.abs(back - points).max(axis=(1, 2))
        alive = (seen[:, 0] == 1) & (seen_again[:, 0] == 1) & (error < _MOST_ERROR)
        points = ahead[alive]
    return len(points)
