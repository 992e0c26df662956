"""A camera of this machine, through OpenCV."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from spikerain_edge.errors import StreamError
from spikerain_edge.stream.capture_options import CaptureOptions
from spikerain_edge.stream.connector import Connector, Shot
from spikerain_edge.stream.frame import DEFAULT_RATE
from spikerain_edge.stream.live import LiveSource
from spikerain_edge.stream.watched import Watched

_log = logging.getLogger(__name__)
# Seconds that a driver has to end its last read.
_PATIENCE = 0.5


class DeviceConnection:
    """A camera of this machine, until it is lost.

    Args:
        target: what `cv2.VideoCapture` opens.
        label: what to call it in messages.
        options: what it is asked for, and how long it may be silent.

    Attributes:
        rate: frames per second, nominal.

    Raises:
        StreamError: it cannot be opened.
    """

    def __init__(self, target: int | str, label: str, options: CaptureOptions) -> None:
        self._label = label
        self._patience = options.stall_timeout
        self._capture = cv2.VideoCapture(target)
        if not self._capture.isOpened():
            raise StreamError(
                f"{label} cannot be opened",
                "check that it is there and that no other program uses it",
            )
        self._ask_for(options)
        # OpenCV itself waits ten seconds for a picture, whatever it is asked for.
        self._driver = Watched(self._read, self._capture.release)
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.rate = rate if 0 < rate <= 1000 else DEFAULT_RATE

    def shots(self) -> Iterator[Shot | None]:
        """Pictures as they come; none for each that cannot be decoded.

        Raises:
            StreamError: no good picture for too long, or the camera is lost.
        """
        latest = time.perf_counter()
        while time.perf_counter() - latest <= self._patience:
            try:
                grabbed, shot = self._driver.next(self._patience)
            except TimeoutError:
                break
            if not grabbed:
                break
            yield shot
            if shot is not None:
                latest = time.perf_counter()
        raise StreamError(f"{self._label} sends no frames", "check its cable")

    def close(self) -> None:
        """Releases the camera, or has it released as soon as its driver returns."""
        self._driver.close(_PATIENCE)

    def _read(self) -> tuple[bool, Shot | None]:
        """Whether there is a picture, and the picture if it can be decoded."""
        if not self._capture.grab():
            return False, None
        captured = time.perf_counter()
        decoded, image = self._capture.retrieve()
        return True, Shot(np.asarray(image, np.uint8), captured) if decoded else None

    def _ask_for(self, options: CaptureOptions) -> None:
        """Asks for a size and a rate; says what the camera gives instead."""
        width, height = options.size or (None, None)
        for name, what, value in (
            ("width", cv2.CAP_PROP_FRAME_WIDTH, width),
            ("height", cv2.CAP_PROP_FRAME_HEIGHT, height),
            ("frames per second", cv2.CAP_PROP_FPS, options.rate),
        ):
            if value is None:
                continue
            self._capture.set(what, value)
            given = self._capture.get(what)
            if abs(given - value) > 0.5:
                _log.warning("%s: %s %g instead of %g", self._label, name, given, value)


def open_camera(target: int | str, label: str, options: CaptureOptions) -> LiveSource:
    """Opens a camera of this machine.

    Args:
        target: its number or the path of its device.
        label: what to call it in messages.
        options: how it is opened and watched.

    Raises:
        StreamError: it cannot be opened.
    """

    def connect() -> DeviceConnection:
        if isinstance(target, str) and not Path(target).exists():
            raise StreamError(
                f"there is no camera {target}", "list the cameras with: ls /dev/video*"
            )
        return DeviceConnection(target, label, options)

    connector = Connector(connect, label, options.stall_timeout)
    connection = connector.first(wait=options.wait_for_camera)
    return LiveSource(connection, connector, options.stall_timeout)
