"""Encoders in the hardware of this machine."""

from __future__ import annotations

import logging
from fractions import Fraction
from pathlib import Path

import av
import av.error
from av.video.codeccontext import VideoCodecContext

_log = logging.getLogger(__name__)
_DEVICES = Path("/dev")
NVENC = "h264_nvenc"
# Each frame is out as soon as it is in, at about the quality that libx264 is asked for.
NVENC_OPTIONS = {
    "preset": "p4",
    "tune": "ll",
    "zerolatency": "1",
    "rc": "constqp",
    "qp": "18",
    "g": "50",
    "forced-idr": "1",
}


def nvenc_opens(size: tuple[int, int], label: str) -> bool:
    """Whether NVIDIA's encoder of H.264 is here and takes frames of a size.

    A GPU or a Jetson may be without one, and takes a few videos at a time.

    Args:
        size: width and height, even.
        label: what the video is called in messages.
    """
    if not any(_DEVICES.glob("nvidia[0-9]*")):
        _log.debug("%s is coded by libx264: there is no NVIDIA device", label)
        return False
    try:
        coder = av.CodecContext.create(NVENC, "w")
        if not isinstance(coder, VideoCodecContext):
            return False
        coder.width, coder.height = size
        coder.pix_fmt, coder.options, coder.framerate = "yuv420p", NVENC_OPTIONS, Fraction(25)
        coder.open()
    except (av.error.FFmpegError, ValueError) as error:
        _log.debug("%s is coded by libx264: NVENC does not open (%s)", label, error)
        return False
    _log.debug("%s is coded by NVENC", label)
    return True
