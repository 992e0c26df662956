"""A camera as a source of frames, through OpenCV."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from spikerain_edge.errors import StreamError
from spikerain_edge.images import Image
from spikerain_edge.stream.frame import DEFAULT_RATE, Arrivals, Frame


class CaptureSource:
    """A camera or a stream.

    Args:
        target: what `cv2.VideoCapture` opens.
        label: what to call it in messages.

    Raises:
        StreamError: it cannot be opened, or ends.
    """

    live = True
    missing = 0
    length: int | None = None
    paths: Sequence[Path] = ()

    def __init__(self, target: int | str, label: str) -> None:
        self._label = label
        self._capture = cv2.VideoCapture(target)
        if not self._capture.isOpened():
            raise _not_opened(label)
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.rate = rate if 0 < rate <= 1000 else DEFAULT_RATE

    def __iter__(self) -> Iterator[Frame]:
        index, arrivals = 0, Arrivals(self.rate)
        while True:
            captured, image = self._read()
            if image is None:
                break
            shown, duration = arrivals.add(captured)
            yield Frame(image, index, captured, f"frame_{index:06d}", shown, duration)
            index += 1
        if index == 0:
            raise _not_opened(self._label)
        raise StreamError(
            f"{self._label} stopped sending frames after {index}", "check its cable or network"
        )

    def close(self) -> None:
        """Releases the camera."""
        self._capture.release()

    def _read(self) -> tuple[float, Image | None]:
        """The next frame, none at the end, and when it came."""
        grabbed = self._capture.grab()
        captured = time.perf_counter()
        decoded, image = self._capture.retrieve() if grabbed else (False, None)
        return captured, np.asarray(image, np.uint8) if decoded else None


def _not_opened(label: str) -> StreamError:
    return StreamError(
        f"{label} cannot be opened or sends no frames",
        "check that it is there and that no other program uses it",
    )
