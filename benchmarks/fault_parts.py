"""Cameras, runs and recordings that the measurements of faults use."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
from cameras import RtspCamera, Web, jpeg
from terminal import default_signals

from spikerain_edge.images import Image
from spikerain_edge.stream.capture_options import CaptureOptions
from spikerain_edge.stream.live import LiveSource
from spikerain_edge.stream.sources import open_source

PROGRAM = str(Path(sys.executable).with_name("spikerain-edge"))
LIMIT = 120.0


class Reading:
    """Reads a camera on a thread of its own, and notes when frames were captured."""

    def __init__(self, url: str) -> None:
        source = open_source(url, CaptureOptions())
        assert isinstance(source, LiveSource)  # noqa: S101 - a camera
        self.source = source
        self.latest = 0.0
        self.frames = 0
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for frame in self.source:
            self.latest = frame.captured
            self.frames += 1

    def close(self) -> None:
        """Ends the reading."""
        self.source.close()


def seconds_until(condition: Callable[[], bool]) -> float:
    """How long it takes until something is true."""
    begun = time.perf_counter()
    while not condition():
        if time.perf_counter() - begun > LIMIT:
            return float("inf")
        time.sleep(0.01)
    return time.perf_counter() - begun


@contextmanager
def rtsp() -> Iterator[tuple[RtspCamera, Reading]]:
    """An RTSP camera that is read."""
    camera = RtspCamera()
    camera.start()
    reading = Reading(camera.url)
    seconds_until(lambda: reading.frames > 10)
    yield camera, reading
    reading.close()
    camera.kill()


@contextmanager
def started(*options: str) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """The program in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.Popen(  # noqa: S603 - our own program
            [
                PROGRAM,
                "run",
                "--model",
                "nano",
                "--imgsz",
                "64x48",
                "--json",
                "summary.json",
                "--verbose",
                *options,
            ],
            cwd=folder,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=default_signals,
        )
        yield run, Path(folder)
        if run.returncode is None:
            run.kill()
            run.communicate()


def numbered(number: int) -> Image:
    """A number in 12 black and white squares, uint8 (48, 64, 3)."""
    bits = np.array([200 * (number >> bit & 1) + 20 for bit in range(12)], np.uint8).reshape(3, 4)
    return np.dstack([np.kron(bits, np.ones((16, 16), np.uint8))] * 3)


def recorded(video: Path) -> list[tuple[int, float]]:
    """Numbers and times in seconds of the frames of a video."""
    found = []
    with av.open(str(video)) as container:
        for frame in container.decode(video=0):
            bits = frame.to_ndarray(format="gray")[8::16, 8::16].ravel() > 110
            found.append((sum(1 << bit for bit, on in enumerate(bits) if on), frame.time or 0.0))
    return found


@contextmanager
def moving_camera(per_second: float) -> Iterator[tuple[Web, list[float]]]:
    """A camera of MJPEG that shows the numbers of its frames, and when it has sent each."""
    web, sent = Web(), []

    def draw() -> bytes:
        sent.append(time.perf_counter())
        return jpeg(numbered(len(sent) - 1))

    web.draw, web.pause, web.after = draw, 1 / per_second, "repeat"
    yield web, sent
    web.close()


def ended(run: subprocess.Popen[str], number: signal.Signals) -> float:
    """Seconds from a signal to the end of the program."""
    begun = time.perf_counter()
    run.send_signal(number)
    run.communicate(timeout=LIMIT)
    return time.perf_counter() - begun
