"""What a pipeline does with one frame: calls its function, and judges a failure."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from spikerain_edge.errors import InputError, SpikeRainError, StreamError, TooLargeError
from spikerain_edge.images import Image
from spikerain_edge.stream.frame import Frame
from spikerain_edge.stream.sources import Source
from spikerain_edge.stream.traffic import Traffic

Function = Callable[..., Image]
"""Takes an image, and the previous frame too where that is known."""
_log = logging.getLogger(__name__)


class FunctionLostError(StreamError):
    """The function has worked and fails now."""


class Processing:
    """Calls a function with the images of a source.

    Args:
        function: what happens to each image; also gets the previous frame where that is known.
        source: where the frames come from.
        traffic: counts the frames and their times.
        failures: receives the errors of images that are left out.

    Attributes:
        since: when the latest call began, on the clock of `time.perf_counter`. Whoever is done with
            its image sets none.
    """

    def __init__(
        self,
        function: Function,
        source: Source,
        traffic: Traffic,
        failures: list[BaseException],
    ) -> None:
        self.since: float | None = None
        self._function = function
        self._source = source
        self._traffic = traffic
        self._failures = failures
        # Shapes of the images that the function has taken.
        self._worked: set[tuple[int, ...]] = set()

    def __call__(self, frame: Frame) -> Image | None:
        """What the function makes of a frame; none where the frame is left out.

        Raises:
            FunctionLostError: the function fails though it has taken images of this size.
            SpikeRainError: the function does not take the images of this source.
        """
        start = self.since = time.perf_counter()
        try:
            image = self._called(frame)
        except SpikeRainError as error:
            if self._source.live and frame.image.shape in self._worked:
                # It has worked at this size: neither the options nor the model are to blame.
                raise FunctionLostError(error.cause, error.remedy) from error
            # Of a video or a camera all frames are alike, and so is what is wrong with them.
            if not isinstance(error, InputError) or len(self._source.paths) <= 1:
                raise
            _log.debug("leaving out %s: %s", frame.called, error.cause)
            self._failures.append(error)
            self._traffic.refused += 1
            return None
        self._worked.add(frame.image.shape)
        self._traffic.inference.append(time.perf_counter() - start)
        self._traffic.waiting.append(start - frame.captured)
        return image

    def _called(self, frame: Frame) -> Image:
        try:
            if frame.previous is None:
                return self._function(frame.image)
            return self._function(frame.image, frame.previous)
        except (InputError, MemoryError) as error:
            height, width = frame.image.shape[:2]
            told = error if isinstance(error, InputError) else TooLargeError.of(height, width)
            raise type(told)(f"{frame.called}: {told.cause}", told.remedy) from error
