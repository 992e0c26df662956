"""Ends of a pipeline that do what a test wants."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from spikerain_edge.images import Image
from spikerain_edge.stream.frame import Frame
from spikerain_edge.stream.sinks import Sink


class Recorder:
    """A sink that remembers, does something with every frame, and says when it is closed."""

    label = "recorder"
    separate = False

    def __init__(self, then: Callable[[int], None] = lambda number: None) -> None:
        self.frames: list[Frame] = []
        self.images: list[Image] = []
        self.closed = threading.Event()
        self._then = then

    @property
    def numbers(self) -> list[int]:
        return [frame.sequence for frame in self.frames]

    def write(self, frame: Frame, image: Image) -> None:
        self._then(frame.sequence)
        self.frames.append(frame)
        self.images.append(image)

    def close(self) -> None:
        self.closed.set()


class Camera:
    """A live source whose frames come when the test wants them to."""

    live = True
    rate = 25.0
    length: int | None = None
    paths: Sequence[Path] = ()

    def __init__(self, frames: int, before: Callable[[int], None] = lambda number: None) -> None:
        self.closed = False
        self.ended = threading.Event()
        self._frames = frames
        self._before = before

    def __iter__(self) -> Iterator[Frame]:
        for number in range(self._frames):
            self._before(number)
            yield Frame(shade(number), number, time.perf_counter(), f"live {number}")
        self.ended.set()
        self._before(self._frames)

    def close(self) -> None:
        self.closed = True


def shade(number: int) -> Image:
    return np.full((16, 24, 3), number % 256, np.uint8)


def inverted(image: Image) -> Image:
    return 255 - image


def wait(event: threading.Event, since: int) -> Callable[[int], None]:
    """Lets the frames before a number come at once, and the others after the event."""

    def check(number: int) -> None:
        if number >= since:
            event.wait()

    return check


def fail(error: BaseException, at: int) -> Callable[[int], None]:
    def check(number: int) -> None:
        if number == at:
            raise error

    return check


def send(sink: Sink, *images: Image, first: int = 0) -> None:
    """Sends images as frames that are numbered from `first`, without times of their own."""
    for number, image in enumerate(images, first):
        sink.write(Frame(image, number, 0.0, f"shot {number}"), image)


def repeat(sink: Sink, image: Image, count: int, pace: float = 0.0) -> None:
    """Sends an image again and again: 25 frames a second by their times, `pace` seconds apart."""
    for number in range(count):
        sink.write(Frame(image, number, 0.0, "shot", number / 25), image)
        time.sleep(pace)
