"""Derains the frames of one camera or video, and remembers what a video model needs of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikerain_edge.images import Image
from spikerain_edge.inference.engine import Closing
from spikerain_edge.inference.frame_memory import FrameMemory
from spikerain_edge.inference.padding import require_image

if TYPE_CHECKING:
    from spikerain_edge.inference.derainer import Derainer


class VideoStream(Closing):
    """Derains the frames of one camera or video in their order; see `Derainer.stream`.

    Several streams may share a derainer. A model for single images derains each frame by itself.

    Args:
        derainer: removes rain; it stays open when the stream is closed.
    """

    def __init__(self, derainer: Derainer) -> None:
        self._derainer = derainer
        self._memory = FrameMemory()

    @property
    def restarts(self) -> dict[str, int]:
        """Number of restarts of the sequence, by reason: `cut`, `size`, `outage` or `gap`."""
        return {reason.value: count for reason, count in self._memory.restarts.items()}

    def __call__(self, image: Image, time: float | None = None) -> Image:
        """Derains the next frame.

        Args:
            image: uint8 (H, W, 3) BGR; may be changed afterwards.
            time: when it was taken, in seconds; without it, gaps in time are not noticed.

        Returns:
            A new uint8 array of the same shape.

        Raises:
            InputError: the type, shape or size of the image is not supported.
            ModelError: the engine fails or has been closed.
        """
        if not self._derainer.spec.reads_video:
            return self._derainer(image)
        require_image(image)
        frame = image.copy()
        return self._derainer(frame, self._memory.previous(frame, time))

    def close(self) -> None:
        """Forgets the frames; the next one begins another sequence."""
        self._memory.forget()
