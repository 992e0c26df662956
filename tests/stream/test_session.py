from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from stream_parts import Camera, shade

from spikerain_edge.errors import ModelError, StreamError
from spikerain_edge.images import Image
from spikerain_edge.inference import Derainer
from spikerain_edge.stream.frame import Frame
from spikerain_edge.stream.image_sinks import FolderSink
from spikerain_edge.stream.recording import RecordingSink

Run = Callable[..., subprocess.CompletedProcess[str]]


class Lossy(Camera):
    """A camera of which frames 1 to 3 were too old to be worth it."""

    missing = 0

    def __iter__(self) -> Iterator[Frame]:
        for number in (0, 4, 5):
            yield Frame(shade(number), number, time.perf_counter(), f"live {number}")


@pytest.fixture(autouse=True)
def camera(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spikerain_edge.camera_stream.open_source", lambda *_: Lossy(3))


@pytest.mark.slow
def test_dropped_frames_leave_their_time_to_the_frame_before(
    spikerain: Run, tmp_path: Path, frame_times: Callable[[Path], list[float]]
) -> None:
    outputs = ("--output", "a.mp4", "--output", "b.avi", "--output", "pictures/")
    ended = spikerain("--camera", "0", *outputs, "--json", "-")

    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["frames"] == 3
    for name in ("a.mp4", "b.avi"):
        assert frame_times(tmp_path / name) == pytest.approx([0, 0.16, 0.2])


def test_a_summary_names_every_failure(spikerain: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Image:
        raise ModelError("worn out", "export it again")

    def full(sink: RecordingSink) -> None:
        raise StreamError("disk full", "")

    monkeypatch.setattr(Derainer, "derain_and_probe", fail)
    monkeypatch.setattr(RecordingSink, "close", full)
    ended = spikerain("--camera", "0", "--output", "a.mp4", "--json", "-")

    assert ended.returncode == 4
    assert json.loads(ended.stdout)["error"] == "worn out; also: disk full"
    assert ended.stderr.splitlines() == [
        "spikerain-edge: worn out; also: disk full; export it again"
    ]


def test_a_camera_beside_others_goes_on_when_its_first_frame_cannot_be_written(
    spikerain: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = FolderSink.write

    def fail_first(sink: FolderSink, frame: Frame, image: Image) -> None:
        if sink.label == "1" and frame.sequence == 0:
            raise StreamError("no room yet", "")
        write(sink, frame, image)

    monkeypatch.setattr(FolderSink, "write", fail_first)
    ended = spikerain("--camera", "0", "--camera", "1", "--output", "{camera}/", "--json", "-")

    assert ended.returncode == 0, ended.stderr
    summary = json.loads(ended.stdout)
    assert [camera["frames"] for camera in summary["cameras"]] == [3, 2]
    assert summary["cameras"][1]["outputs"] == [
        {"output": "1", "written": 2, "dropped": 0, "failed": 1}
    ]
