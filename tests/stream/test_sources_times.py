"""When a frame counts as captured."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from av.video.frame import VideoFrame

from spikerain_edge.images import Image
from spikerain_edge.stream.capture import open_camera
from spikerain_edge.stream.capture_options import CaptureOptions
from spikerain_edge.stream.demo import DemoScene
from spikerain_edge.stream.sources import DemoSource
from spikerain_edge.stream.video import open_video
from spikerain_edge.stream.video_frames import upright


class Grabber:
    """Stands for OpenCV's capture and remembers when it began to wait, and when to decode."""

    def __init__(self, target: int | str) -> None:
        self.waited: list[float] = []
        self.decoded: list[float] = []

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return True

    def get(self, what: int) -> float:
        return 0.0

    def release(self) -> None:
        pass

    def grab(self) -> bool:
        self.waited.append(time.perf_counter())
        return True

    def retrieve(self) -> tuple[bool, Image]:
        self.decoded.append(time.perf_counter())
        return True, np.zeros((16, 16, 3), np.uint8)


def test_a_camera_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Grabber] = []

    def make(target: int | str) -> Grabber:
        made.append(Grabber(target))
        return made[-1]

    monkeypatch.setattr("cv2.VideoCapture", make)
    frames = list(islice(open_camera(0, "camera 0", CaptureOptions()), 3))
    for frame, waited, decoded in zip(frames, made[0].waited, made[0].decoded, strict=True):
        assert waited <= frame.captured <= decoded
    # A camera shows frames when they come, whatever its nominal rate.
    for frame in frames:
        assert frame.time == frame.captured - frames[0].captured


def test_a_file_is_there_before_it_is_read(
    make_video: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = open_video(make_video(tmp_path / "x.mp4", 3))
    decoded: list[float] = []

    def convert(frame: VideoFrame) -> tuple[Image, bool]:
        decoded.append(time.perf_counter())
        return upright(frame)

    monkeypatch.setattr("spikerain_edge.stream.video_frames.upright", convert)
    frames = list(source)
    assert len(frames) == 3
    assert all(frame.captured <= then for frame, then in zip(frames, decoded, strict=True))


def test_the_demo_is_captured_before_it_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[float] = []

    def rainy(scene: DemoScene, index: int) -> Image:
        drawn.append(time.perf_counter())
        return np.zeros((16, 16, 3), np.uint8)

    monkeypatch.setattr(DemoScene, "rainy", rainy)
    frames = list(DemoSource(3))
    assert all(frame.captured <= then for frame, then in zip(frames, drawn, strict=True))
