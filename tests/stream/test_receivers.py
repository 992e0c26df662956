"""Outputs that are no files: standard output, pipes, servers, devices and programs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from stream_parts import Camera, Recorder, inverted, repeat

from spikerain_edge.errors import StreamError
from spikerain_edge.images import Image
from spikerain_edge.stream.child import Child
from spikerain_edge.stream.pipeline import Pipeline
from spikerain_edge.stream.sinks import open_sink

Draw = Callable[..., Image]
Run = Callable[..., subprocess.CompletedProcess[str]]
ReadVideo = Callable[[Path], list[Image]]
PROGRAM = Path(sys.executable).with_name("spikerain-edge")
DEMO = ("run", "--camera", "demo", "--max-frames", "5", "--imgsz", "96x64")


def streamed(folder: Path, *options: str) -> subprocess.CompletedProcess[bytes]:
    command = [PROGRAM, *DEMO, "--output", "-", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False)


@pytest.mark.slow
def test_standard_output_gets_a_video(
    tmp_path: Path, ffprobe: Callable[[Path], dict[str, str]]
) -> None:
    ended = streamed(tmp_path)
    assert ended.returncode == 0, ended.stderr
    (tmp_path / "out.ts").write_bytes(ended.stdout)
    found = ffprobe(tmp_path / "out.ts")
    assert (found["width"], found["height"], found["nb_read_frames"]) == ("96", "64", "5")


@pytest.mark.slow
def test_standard_output_gets_raw_frames_beside_a_folder(tmp_path: Path) -> None:
    ended = streamed(tmp_path, "--output-format", "raw", "--output", "pngs/")
    assert ended.returncode == 0, ended.stderr
    frames = np.frombuffer(ended.stdout, np.uint8).reshape(5, 64, 96, 3)
    for frame, path in zip(frames, sorted((tmp_path / "pngs").iterdir()), strict=True):
        np.testing.assert_array_equal(frame, cv2.imread(str(path)))


@pytest.mark.slow
def test_standard_output_gets_jpegs(tmp_path: Path, ffmpeg: Callable[..., None]) -> None:
    ended = streamed(tmp_path, "--output-format", "mjpeg", "--output", "pngs/")
    assert ended.returncode == 0, ended.stderr
    (tmp_path / "out.mjpeg").write_bytes(ended.stdout)
    ffmpeg("-f", "mjpeg", "-i", tmp_path / "out.mjpeg", tmp_path / "%d.png")
    for number, path in enumerate(sorted((tmp_path / "pngs").iterdir()), 1):
        shown, sent = (cv2.imread(str(each)) for each in (tmp_path / f"{number}.png", path))
        assert shown is not None
        assert sent is not None
        assert cv2.PSNR(shown, sent) > 34


@pytest.mark.slow
def test_a_reader_that_has_seen_enough_ends_the_run_in_one_line(tmp_path: Path) -> None:
    command = [PROGRAM, *DEMO, "--output", "-", "--output-format", "raw"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.read(100)
        running.stdout.close()
        said = running.stderr.read().decode()
    assert running.returncode == 3
    ending = "spikerain-edge: cannot write -: nobody reads it; check what reads it\n"
    assert said.endswith(ending)
    assert "Traceback" not in said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--output", "ftp://host/x"), r"cannot send frames to ftp://.*rtsp://HOST"),
        (("--output", "https://me:secret@host/x"), r"cannot send frames to https://"),
        (("--output", "/dev/video97"), r"there is no video device /dev/video97; .*v4l2loopback"),
        (("--output", "v4l2:///dev/video97"), r"there is no video device /dev/video97"),
        (("--output", "-", "--output-format", "avi"), r"--output-format avi .*mpegts, mjpeg"),
        (("--output", "-", "--json", "-"), r"standard output cannot take both"),
        (("--output", "-", "--output", "-"), r"standard output cannot take both"),
        (("--output", "clean/", "--segment", "10m"), r"--segment, --keep.*--output gate"),
        (("--output", "gst://'x"), r"is not valid: No closing quot"),
    ],
)
def test_what_cannot_be_written_to_is_refused_before_anything_is_done(
    spikerain: Run, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:

    ended = spikerain("--camera", "demo", *options)
    assert ended.returncode == 2
    assert re.search(said, ended.stderr)
    assert "secret" not in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_null_keeps_nothing(spikerain: Run, tmp_path: Path) -> None:
    ended = spikerain("--camera", "demo", "--max-frames", "2", "--imgsz", "64", "--output", "null")
    assert ended.returncode == 0, ended.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["pipe.mp4", "pipe.mkv", "pipe.ts"])
def test_a_named_pipe_takes_a_video(
    tmp_path: Path, picture: Draw, read_video: ReadVideo, name: str
) -> None:
    os.mkfifo(tmp_path / name)
    copy = tmp_path / f"copy_{name}"
    reader = threading.Thread(target=drain, args=(tmp_path / name, copy))
    reader.start()
    sink = open_sink(str(tmp_path / name), 25, live=True)
    repeat(sink, picture(), 30)
    sink.close()
    reader.join()
    assert len(read_video(copy)) == 30
    assert (tmp_path / name).is_fifo()


def drain(pipe: Path, copy: Path) -> None:
    copy.write_bytes(pipe.read_bytes())


@pytest.mark.slow
def test_a_pipe_that_nobody_reads_is_given_up_at_the_end(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.ts")
    free = Recorder()
    sinks = [open_sink(str(tmp_path / "pipe.ts"), 25, live=True), free]

    def until_sent(number: int) -> None:
        while len(free.frames) < number:
            time.sleep(0.001)

    pipeline = Pipeline(Camera(60, until_sent), inverted, sinks)
    threading.Timer(0.2, pipeline.stop).start()
    with pytest.raises(StreamError, match=r"pipe\.ts is blocked and has not been closed"):
        pipeline.run()
    # Whoever waits in the system for a reader is let go.
    os.close(os.open(tmp_path / "pipe.ts", os.O_RDONLY | os.O_NONBLOCK))


def size_of_open_files() -> int:
    entries = [path for path in Path("/proc/self/fd").iterdir() if path.exists()]
    return sum(path.stat().st_size for path in entries if path.is_file())


def test_a_child_may_complain_for_months() -> None:
    complaining = "yes it is wet | head -c 5000000 >&2; echo the end >&2"
    before = size_of_open_files()
    child = Child(["sh", "-c", complaining], "child")
    with pytest.raises(StreamError, match="child takes no frames: the end"):
        child.write(bytes(1 << 20))
    assert size_of_open_files() - before < 1_000_000
    child.close()
