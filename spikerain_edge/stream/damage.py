"""Tells whole frames from damaged ones."""

from __future__ import annotations

from collections import deque
from typing import Any

import av
from av.video.stream import VideoStream

from spikerain_edge.stream.frame_numbers import FrameNumbers

# A step in time that is longer than this many of the usual one may hide a lost frame.
_GAP = 1.5
# Steps that are remembered, and how far apart they are, as a part of the shortest, where a camera
# keeps its rate.
_STEPS = 12
_EVEN = 0.25
# Frames that a decoder may hold back.
_HELD = 64


def refuse_damaged_jpegs(stream: VideoStream) -> None:
    """Makes a decoder of JPEG fail on data that end early or are garbled.

    It would fill the rest of the picture with grey, and say nothing.
    """
    if stream.codec_context.name == "mjpeg":
        stream.codec_context.options = {"err_detect": "explode"}


class Wholeness:
    """Follows a stream, and knows which frames are predicted from what was lost.

    From a damaged frame on, all are taken for damaged until the next key frame.

    Args:
        stream: what is decoded.
        lossy: whether packets may be lost unnoticed, as over UDP. A frame that is lost as a whole
            leaves nothing but a gap: between the numbers of frames of H.264, and between the time
            stamps of others where the camera keeps its rate.
    """

    def __init__(self, stream: VideoStream, *, lossy: bool) -> None:
        self._whole = True
        self._after_gap = False
        self._suspect: deque[int | None] = deque(maxlen=_HELD)
        self._gaps: FrameNumbers | _Steps | None = None
        if lossy and stream.codec_context.name == "h264":
            self._gaps = FrameNumbers()
            self._gaps.gap(stream.codec_context.extradata or b"")
        elif lossy:
            self._gaps = _Steps()

    def lost(self) -> None:
        """A frame could not be decoded at all."""
        self._whole = False

    def arrived(self, packet: av.Packet[Any]) -> None:
        """A packet comes, before it is decoded."""
        if isinstance(self._gaps, FrameNumbers):
            gap = self._gaps.gap(bytes(packet))
        else:
            gap = self._gaps is not None and self._gaps.gap(packet)
        self._after_gap = (self._after_gap or gap) and not packet.is_keyframe
        if self._after_gap:
            self._suspect.append(packet.pts)

    def check(self, frame: av.VideoFrame, packet: av.Packet[Any]) -> bool:
        """Whether a frame is whole."""
        if frame.is_corrupt or packet.is_corrupt:
            self._whole = False
        elif frame.key_frame:
            self._whole = True
        return self._whole and frame.pts not in self._suspect


class _Steps:
    """Steps between time stamps. Those of a camera that does not keep its rate say nothing."""

    def __init__(self) -> None:
        self._latest: float | None = None
        self._steps: deque[float] = deque(maxlen=_STEPS)

    def gap(self, packet: av.Packet[Any]) -> bool:
        """Whether a frame is missing before this one."""
        if packet.pts is None or packet.time_base is None:
            return False
        stamp = float(packet.pts * packet.time_base)
        before, self._latest = self._latest, stamp
        if before is None:
            return False
        usual, step = self._steps, stamp - before
        even = len(usual) == _STEPS and max(usual) <= (1 + _EVEN) * min(usual)
        if even and step > _GAP * max(usual):
            return True
        usual.append(step)
        return False
