"""Gives the frames of a source the frame before them, for video models."""

from __future__ import annotations

from dataclasses import replace

from spikerain_edge.inference.frame_memory import FrameMemory
from spikerain_edge.stream.frame import Frame
from spikerain_edge.stream.live import LiveSource
from spikerain_edge.stream.sources import Source
from spikerain_edge.stream.stills import ImageSource


class SourceMemory:
    """Remembers the frames of a source as they are captured, whether they are derained or not.

    Image files are pictures of their own, each without a frame before it, unless they are frames of
    one animation.

    Args:
        source: where the frames come from.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._memory = FrameMemory()
        self._label = ""

    @property
    def restarts(self) -> dict[str, int]:
        """How often the sequence of frames broke, by reason; may be read by another thread."""
        return {reason.value: count for reason, count in self._memory.restarts.items()}

    def __call__(self, frame: Frame) -> Frame:
        """Returns a frame with the frame captured before it, and remembers it."""
        source = self._source
        if isinstance(source, LiveSource):
            previous = self._memory.previous(frame.image, frame.captured, source.returns)
            return replace(frame, previous=previous)
        if isinstance(source, ImageSource) and self._is_picture(frame):
            self._memory.forget()
        return replace(frame, previous=self._memory.previous(frame.image, frame.time))

    def _is_picture(self, frame: Frame) -> bool:
        """Whether a frame of an image file does not belong to the one before."""
        same, self._label = frame.label == self._label, frame.label
        return not same or frame.duration is None
