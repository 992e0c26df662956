"""The rain gate of a source: tells it the time and the faults of the source."""

from __future__ import annotations

import time

from spikerain_edge.gate import Gate, RainReport
from spikerain_edge.gate.gate import Derain
from spikerain_edge.images import Image
from spikerain_edge.stream.live import LiveSource
from spikerain_edge.stream.sources import Source


class StreamGate:
    """Derains the frames of a source while it rains or may rain.

    The time of a file is that of its frames, so that the result does not depend on the machine.

    Args:
        source: where the frames come from.
        label: what to call it in events, without password.
        derain: derains whole frames.
        derain_part: derains parts of frames.
        apart: whether that is another network.
    """

    def __init__(
        self, source: Source, label: str, derain: Derain, derain_part: Derain, *, apart: bool
    ) -> None:
        self._source = source
        self._gate = Gate(derain, derain_part, apart=apart, camera=label)
        self._frames = 0

    @property
    def report(self) -> RainReport:
        """The state so far; may be read by another thread."""
        return self._gate.report

    def __call__(self, image: Image, previous: Image | None = None) -> Image:
        """Returns a frame (H, W, 3) uint8 BGR derained, or the frame itself when it is dry.

        Args:
            image: the frame.
            previous: the frame before it, for video models.

        Raises:
            SpikeRainError: as `derain` does.
        """
        source, number = self._source, self._frames
        self._frames += 1
        if isinstance(source, LiveSource):
            return self._gate(image, time.perf_counter(), source.returns, previous)
        return self._gate(image, number / source.rate, previous=previous)
