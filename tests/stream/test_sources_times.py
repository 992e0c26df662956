"""When a frame counts as captured."""

from __future__ import annotations

import time
from itertools import islice

import numpy as np
import pytest

from spikerain_edge.images import Image
from spikerain_edge.stream.demo import DemoScene
from spikerain_edge.stream.sources import CaptureSource, DemoSource


class Grabber:
    """Stands for OpenCV's capture and remembers when it began to wait, and when to decode."""

    def __init__(self, target: int | str) -> None:
        self.waited: list[float] = []
        self.decoded: list[float] = []

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return True

    def get(self, what: int) -> float:
        return 0.0

    def grab(self) -> bool:
        self.waited.append(time.perf_counter())
        return True

    def retrieve(self) -> tuple[bool, Image]:
        self.decoded.append(time.perf_counter())
        return True, np.zeros((16, 16, 3), np.uint8)


@pytest.mark.parametrize("live", [False, True])
def test_a_file_is_there_before_it_is_read_and_a_camera_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, live: bool
) -> None:
    made: list[Grabber] = []

    def make(target: int | str) -> Grabber:
        made.append(Grabber(target))
        return made[-1]

    monkeypatch.setattr("cv2.VideoCapture", make)
    frames = list(islice(CaptureSource("x.mp4", "x.mp4", live=live), 3))
    for frame, waited, decoded in zip(frames, made[0].waited, made[0].decoded, strict=True):
        assert frame.captured <= decoded
        assert (frame.captured >= waited) is live


def test_the_demo_is_captured_before_it_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[float] = []

    def rainy(scene: DemoScene, index: int) -> Image:
        drawn.append(time.perf_counter())
        return np.zeros((16, 16, 3), np.uint8)

    monkeypatch.setattr(DemoScene, "rainy", rainy)
    frames = list(DemoSource(3))
    assert all(frame.captured <= then for frame, then in zip(frames, drawn, strict=True))
