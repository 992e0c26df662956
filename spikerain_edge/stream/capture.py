"""A camera of this machine, through OpenCV."""

from __future__ import annotations

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


class DeviceConnection:
    """A camera of this machine, until it is lost.

    Args:
        target: what `cv2.VideoCapture` opens.
        label: what to call it in messages.
        patience: seconds without a good frame after which it is lost.

    Attributes:
        rate: frames per second, nominal.

    Raises:
        StreamError: it cannot be opened.
    """

    def __init__(self, target: int | str, label: str, patience: float) -> None:
        self._label = label
        self._patience = patience
        self._capture = cv2.VideoCapture(target)
        if not self._capture.isOpened():
            raise StreamError(
                f"{label} cannot be opened",
                "check that it is there and that no other program uses it",
            )
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.rate = rate if 0 < rate <= 1000 else DEFAULT_RATE

    def shots(self) -> Iterator[Shot | None]:
        """Pictures as they come; none for each that cannot be decoded.

        Raises:
            StreamError: no good picture for too long, or the camera is lost.
        """
        latest = time.perf_counter()
        while self._capture.grab():
            captured = time.perf_counter()
            decoded, image = self._capture.retrieve()
            if decoded:
                yield Shot(np.asarray(image, np.uint8), captured)
                latest = time.perf_counter()
                continue
            yield None
            if captured - latest > self._patience:
                break
        raise StreamError(f"{self._label} sends no frames", "check its cable")

    def close(self) -> None:
        """Releases the camera."""
        self._capture.release()


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
        return DeviceConnection(target, label, options.stall_timeout)

    connector = Connector(connect, label)
    return LiveSource(connector.first(wait=options.wait_for_camera), connector)
