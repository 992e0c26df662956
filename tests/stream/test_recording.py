"""Recordings of a camera: files that play wherever they break off, under names of their own."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from spikerain_edge.errors import StreamError
from spikerain_edge.images import Image
from spikerain_edge.stream.frame import Frame
from spikerain_edge.stream.recording import RecordingSink
from spikerain_edge.stream.retention import Limits
from spikerain_edge.stream.sinks import open_sink

Draw = Callable[..., Image]
ReadVideo = Callable[[Path], list[Image]]
Files = Callable[[Path], list[str]]
FrameTimes = Callable[[Path], list[float]]
VIDEOS = ["out.mp4", "out.mov", "out.mkv", "out.ts", "out.avi"]


def record(path: Path, limits: Limits | None = None, rate: float = 25.0) -> RecordingSink:
    return RecordingSink(path, rate, limits or Limits())


def send(sink: RecordingSink, image: Image, times: list[float]) -> None:
    for number, moment in enumerate(times):
        sink.write(Frame(image, number, 0.0, "shot", moment, 0.04), image)


@pytest.mark.parametrize("name", VIDEOS)
def test_a_recording_can_be_watched_while_it_grows(
    tmp_path: Path, picture: Draw, read_video: ReadVideo, name: str
) -> None:
    sink = record(tmp_path / name)
    send(sink, picture(), [number / 25 for number in range(100)])
    # All but the last second can be read, though nothing has been closed.
    assert len(read_video(tmp_path / name)) >= 74
    sink.close()
    assert len(read_video(tmp_path / name)) == 100


RECORDER = """
import sys
from pathlib import Path
import av
import numpy as np
from spikerain_edge.stream.frame import Frame
from spikerain_edge.stream.recording import RecordingSink
from spikerain_edge.stream.retention import Limits
rate = float(sys.argv[2])
sink = RecordingSink(Path(sys.argv[1]), rate, Limits())
for number in range(int(rate * 8)):
    image = np.full((120, 160, 3), number % 256, np.uint8)
    sink.write(Frame(image, number, 0.0, "shot", number / rate, 1 / rate), image)
print("written", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("name", "rate"),
    [
        ("out.mp4", 25.0),
        *(
            pytest.param(name, rate, marks=pytest.mark.slow)
            for name in VIDEOS
            for rate in (25.0, 3.0)
            if (name, rate) != ("out.mp4", 25.0)
        ),
    ],
)
def test_a_killed_program_loses_two_seconds_at_most(
    tmp_path: Path, read_video: ReadVideo, name: str, rate: float
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", RECORDER, tmp_path / name, str(rate)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == b"written\n"
        program.send_signal(signal.SIGKILL)
    kept = read_video(tmp_path / name)
    assert len(kept) >= rate * (8 - 2)
    levels = [float(image.mean()) for image in kept]
    assert levels == pytest.approx(range(len(kept)), abs=3)


def test_a_service_that_restarts_erases_nothing(
    tmp_path: Path,
    picture: Draw,
    read_video: ReadVideo,
    files: Files,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for count in (3, 4, 5):
        sink = record(tmp_path / "gate.mp4")
        send(sink, picture(), [number / 25 for number in range(count)])
        sink.close()
    assert files(tmp_path) == ["gate.mp4", "gate_1.mp4", "gate_2.mp4"]
    counts = [len(read_video(tmp_path / name)) for name in files(tmp_path)]
    assert counts == [3, 4, 5]
    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path}/gate.mp4 exists and is kept; recording into {tmp_path}/gate_{number}.mp4"
        for number in (1, 2)
    ]


@pytest.mark.slow
def test_segments_join_to_the_whole(
    tmp_path: Path, picture: Draw, frame_times: FrameTimes, files: Files
) -> None:
    sink = record(tmp_path / "gate.mp4", Limits(segment=2.0))
    send(sink, picture(), [number / 10 for number in range(50)])
    sink.close()
    names = files(tmp_path)
    assert len(names) == 3
    assert all(name.startswith("gate_20") and name.endswith(".mp4") for name in names)
    counts = sorted(len(frame_times(tmp_path / name)) for name in names)
    assert counts == [10, 20, 20]
    assert all(frame_times(tmp_path / name)[0] == 0 for name in names)


def test_an_index_that_is_kept_in_memory_does_not_grow_for_ever(
    tmp_path: Path, picture: Draw, files: Files
) -> None:
    for suffix, count in ((".mkv", 2), (".mp4", 1)):
        sink = record(tmp_path / suffix[1:] / f"gate{suffix}")
        send(sink, picture(), [5 * 3600.0 * number for number in range(6)])
        sink.close()
        assert len(files(tmp_path / suffix[1:])) == count


def test_a_new_file_begins_on_request(tmp_path: Path, picture: Draw, files: Files) -> None:
    sink = record(tmp_path / "gate.mkv")
    send(sink, picture(), [0.0, 0.04])
    sink.cut()
    send(sink, picture(), [0.08, 0.12])
    sink.close()
    assert files(tmp_path) == ["gate.mkv", "gate_1.mkv"]


def test_a_changed_size_begins_a_new_file_and_is_said(
    tmp_path: Path,
    picture: Draw,
    ffprobe: Callable[[Path], dict[str, str]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    sink = record(tmp_path / "gate.mp4")
    send(sink, picture(0, 48, 64), [0.0, 0.04])
    send(sink, picture(0, 96, 128), [0.08, 0.12, 0.16])
    sink.close()
    first, second = (ffprobe(tmp_path / name) for name in ("gate.mp4", "gate_1.mp4"))
    assert (first["width"], first["height"], first["nb_read_frames"]) == ("64", "48", "2")
    assert (second["width"], second["height"], second["nb_read_frames"]) == ("128", "96", "3")
    assert "frames are 128x96 now and were 64x48" in caplog.text


@pytest.mark.parametrize("name", VIDEOS)
def test_a_hole_in_time_stays_a_hole(
    tmp_path: Path, picture: Draw, frame_times: FrameTimes, name: str
) -> None:
    times = [0.0, 0.2, 0.4, 6.4, 6.6, 6.8]
    sink = record(tmp_path / name, rate=5.0)
    send(sink, picture(), times)
    sink.close()
    shown = frame_times(tmp_path / name)
    assert np.subtract(shown, shown[0]) == pytest.approx(times, abs=0.01)


@pytest.mark.parametrize(("name", "hole"), [("gate.mp4", 22_000.0), ("gate.avi", 11.0)])
def test_a_hole_that_is_too_long_for_the_container_begins_a_new_file(
    tmp_path: Path, picture: Draw, files: Files, name: str, hole: float
) -> None:
    sink = record(tmp_path / name)
    send(sink, picture(), [0.0, 0.04, hole, hole + 0.04])
    sink.close()
    assert len(files(tmp_path)) == 2


def test_a_place_that_cannot_be_written_leaves_what_is_there(
    tmp_path: Path, picture: Draw, files: Files
) -> None:
    sink = record(tmp_path / f"{'x' * 300}.mp4")
    with pytest.raises(StreamError, match="cannot write"):
        send(sink, picture(), [0.0])
    sink.close()
    assert files(tmp_path) == []


@pytest.mark.parametrize("destination", ["pictures/", "shot_%02d.png", "day_%Y/%m_%02d.png"])
def test_images_of_a_camera_are_not_replaced_either(
    tmp_path: Path, picture: Draw, files: Files, destination: str
) -> None:
    for seed in range(3):
        sink = open_sink(f"{tmp_path}/{destination}", 25, None, live=True)
        sink.write(Frame(picture(seed), 0, 0.0, "frame_000000"), picture(seed))
        sink.close()
    assert len([name for name in files(tmp_path) if name.endswith(".png")]) == 3


GROWING = """
import sys
from pathlib import Path
import av
import numpy as np
from spikerain_edge.stream.frame import Frame
from spikerain_edge.stream.recording import RecordingSink
from spikerain_edge.stream.retention import Limits

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

sink = RecordingSink(Path(sys.argv[1]), 25.0, Limits())
image = np.zeros((16, 16, 3), np.uint8)
for number in range(60_000):
    sink.write(Frame(image, number, 0.0, "shot", number / 25, 0.04), image)
    if number == 5000:
        before = resident()
print(resident() - before)
sink.close()
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
def test_a_recording_keeps_no_memory_of_its_frames(tmp_path: Path, name: str) -> None:
    command = [sys.executable, "-c", GROWING, tmp_path / name]
    grown = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(grown.stdout) < 2_000_000


def test_a_recording_collects_no_index_for_its_end(tmp_path: Path, picture: Draw) -> None:
    sink = RecordingSink(tmp_path / "gate.mp4", 25, Limits())
    for number in range(200):
        sink.write(Frame(picture(), number, 0.0, "shot", number / 25), picture())
    sink.close()
    assert b"mfra" not in (tmp_path / "gate.mp4").read_bytes()
    with av.open(str(tmp_path / "gate.mp4")) as video:
        assert video.duration == pytest.approx(8e6, abs=1e5)
        video.seek(6_000_000)
        assert next(video.decode(video=0)).time == pytest.approx(6)
