"""Frames of video files: when they are shown, and which side is up."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from av.video.frame import VideoFrame

from spikerain_edge.images import Image
from spikerain_edge.stream.frame import Frame
from spikerain_edge.stream.truncation import LONGEST_STEP


@dataclass(frozen=True)
class Shown:
    """When and how a frame of a video is shown.

    Attributes:
        sequence: number of the frame in its video, from 0.
        time: in seconds after the first frame.
        duration: in seconds; none where it is one tick of the rate.
        pixel_shape: width of a pixel divided by its height, before the frame is turned.
    """

    sequence: int
    time: float
    duration: float | None
    pixel_shape: Fraction


def frame_of(decoded: VideoFrame, shown: Shown, captured: float, label: str) -> Frame:
    """Returns a decoded frame upright, as sources hand it out.

    Args:
        decoded: what the decoder returned.
        shown: when and how it is shown.
        captured: when its decoding began, on the clock of `time.perf_counter`.
        label: what messages call the video.
    """
    image, turned = upright(decoded)
    return Frame(
        image,
        shown.sequence,
        captured,
        f"frame_{shown.sequence:06d}",
        shown.time,
        shown.duration,
        1 / shown.pixel_shape if turned else shown.pixel_shape,
        label=f"frame {shown.sequence} of {label}",
    )


class Clock:
    """Turns time stamps into seconds after the first frame.

    Args:
        rate: frames per second where there are no time stamps.
        discontinuous: whether long steps are a break in the stamps, as in joined MPEG-TS files.
    """

    def __init__(self, rate: float, *, discontinuous: bool) -> None:
        self._step = 1 / rate
        self._discontinuous = discontinuous
        self._stamp: float | None = None
        self._time = -self._step

    def seconds(self, frame: VideoFrame) -> float:
        """When a frame is shown, in seconds after the first."""
        stamp = in_seconds(frame.pts, frame)
        step = self._step
        if stamp is not None and self._stamp is not None:
            between = stamp - self._stamp
            broken = between <= 0 or (self._discontinuous and between > LONGEST_STEP)
            step = self._step if broken else between
        self._stamp = stamp if stamp is not None else self._stamp
        self._time += step
        return self._time


def upright(frame: VideoFrame) -> tuple[Image, bool]:
    """The image (H, W, 3) uint8 BGR turned as its file says, and whether sides are swapped."""
    image = np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)
    quarters = round(frame.rotation / 90) % 4
    if not quarters:
        return image, False
    return np.ascontiguousarray(np.rot90(image, quarters)), quarters % 2 == 1


def in_seconds(ticks: int | None, frame: VideoFrame) -> float | None:
    """Converts ticks of a frame's time base; None if they or the time base are unknown."""
    if ticks is None or frame.time_base is None:
        return None
    return float(ticks * frame.time_base)
