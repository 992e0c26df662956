"""Tells whole frames from damaged ones."""

from __future__ import annotations

from typing import Any

import av
from av.video.stream import VideoStream

# A step in time that is longer than this many of the one before may hide a lost frame.
_GAP = 1.5


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
        lossy: whether packets may be lost unnoticed, as over UDP. A frame that is lost as a whole
            leaves nothing but a gap between time stamps.
    """

    def __init__(self, *, lossy: bool) -> None:
        self._lossy = lossy
        self._whole = True
        self._latest: float | None = None
        self._step: float | None = None

    def lost(self) -> None:
        """A frame could not be decoded at all."""
        self._whole = False

    def check(self, frame: av.VideoFrame, packet: av.Packet[Any]) -> bool:
        """Whether a frame is whole."""
        gap = self._lossy and self._gap(frame.time)
        if frame.is_corrupt or packet.is_corrupt:
            self._whole = False
        elif frame.key_frame:
            self._whole = True
        elif gap:
            self._whole = False
        return self._whole

    def _gap(self, stamp: float | None) -> bool:
        before, self._latest = self._latest, stamp
        if stamp is None or before is None:
            return False
        expected, self._step = self._step, stamp - before
        return expected is not None and self._step > _GAP * expected
