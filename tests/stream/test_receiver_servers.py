"""Outputs that are RTSP servers and GStreamer pipelines."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import pytest
from cameras import free_port
from stream_parts import repeat

from spikerain_edge.errors import InputError, StreamError
from spikerain_edge.images import Image
from spikerain_edge.stream.frame import Frame
from spikerain_edge.stream.sinks import Sink, open_sink

Draw = Callable[..., Image]
Run = Callable[..., subprocess.CompletedProcess[str]]
ReadVideo = Callable[[Path], list[Image]]


@pytest.fixture
def rtsp_receiver(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A URL that FFmpeg's own tool listens at, and the file that it records into."""
    tool = shutil.which("ffmpeg")
    if tool is None:
        pytest.skip("ffmpeg is not installed here")
    url, copy = f"rtsp://127.0.0.1:{free_port()}/clean", tmp_path / "received.mkv"
    command = [tool, "-v", "error", "-rtsp_flags", "listen", "-i", url, "-c", "copy", copy]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as server:
        yield url, copy
        server.terminate()


@pytest.mark.slow
def test_frames_are_published_on_an_rtsp_server(
    rtsp_receiver: tuple[str, Path], picture: Draw, read_video: ReadVideo
) -> None:
    url, copy = rtsp_receiver
    sink = open_sink(url, 25, live=True)
    sent = published(sink, picture(), 100)
    sink.close()
    deadline = time.monotonic() + 20
    while not (copy.exists() and len(read_video(copy)) >= sent - 2):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert cv2.PSNR(read_video(copy)[-1], picture()) > 34


def published(sink: Sink, image: Image, count: int) -> int:
    """Sends frames until the server has taken so many; how many it has been sent."""
    sent = 0
    deadline = time.monotonic() + 30
    for number in range(10_000):
        try:
            sink.write(Frame(image, number, 0.0, "shot", number / 25), image)
        except StreamError:
            # The server may not listen yet.
            assert time.monotonic() < deadline
            sent = 0
        else:
            sent += 1
        time.sleep(0.02)
        if sent == count:
            break
    return sent


def fails(sink: Sink, image: Image) -> str:
    """What a sink says that takes frames for a while, and then no more."""
    with pytest.raises(StreamError) as raised:
        repeat(sink, image, 10_000, pace=0.01)
    with pytest.raises(StreamError):
        repeat(sink, image, 10_000, pace=0.01)
    sink.close()
    return str(raised.value)


@pytest.mark.slow
def test_an_rtsp_server_that_is_away_is_named_without_its_password(
    picture: Draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Programs of the user in the working directory are not imported.
    Path(tmp_path, "av.py").write_text("raise SystemExit('a program of the user has run')")
    monkeypatch.chdir(tmp_path)
    port = free_port()
    sink = open_sink(f"rtsp://me:secret@127.0.0.1:{port}/clean", 25, live=True)
    said = fails(sink, picture())
    assert said == (
        f"rtsp://127.0.0.1:{port}/clean takes no frames: Connection refused; "
        "check what receives them"
    )


@pytest.mark.slow
def test_a_silent_rtsp_server_holds_nothing_up(picture: Draw) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        sink = open_sink(f"rtsp://127.0.0.1:{silent.getsockname()[1]}/x", 25, live=True)
        begun = time.monotonic()
        # A small picture fills no pipe before the server is given up.
        repeat(sink, picture(0, 16, 16), 5)
        with pytest.raises(StreamError, match="not taken all frames: no end within 5 seconds"):
            sink.close()
        assert time.monotonic() - begun < 30


def test_an_rtsp_server_that_is_away_fails_a_run_however_short(
    spikerain: Run, tmp_path: Path
) -> None:
    url = f"rtsp://127.0.0.1:{free_port()}/clean"
    ended = spikerain("--camera", "demo", "--max-frames", "1", "--imgsz", "64", "--output", url)
    assert ended.returncode == 3
    assert f"{url} has not taken all frames: Connection refused" in ended.stderr


def needs_gstreamer() -> None:
    if shutil.which("gst-launch-1.0") is None:
        pytest.skip("gst-launch-1.0 is not installed; Debian: gstreamer1.0-tools")


def test_a_gstreamer_pipeline_takes_every_frame(tmp_path: Path, picture: Draw) -> None:
    needs_gstreamer()
    sink = open_sink(f"gst://video/x-raw,format=BGR ! filesink location={tmp_path}/raw", 25)
    images = [picture(seed) for seed in range(4)]
    for number, image in enumerate(images):
        sink.write(Frame(image, number, 0.0, "shot"), image)
    sink.close()
    assert (tmp_path / "raw").read_bytes() == b"".join(image.tobytes() for image in images)


def test_a_gstreamer_pipeline_that_cannot_be_built_is_refused_at_once() -> None:
    needs_gstreamer()
    with pytest.raises(InputError, match=r'gst://nosuchsink .*: no element "nosuchsink"'):
        open_sink("gst://nosuchsink", 25, live=True)


def test_a_gstreamer_pipeline_that_fails_says_why(picture: Draw, tmp_path: Path) -> None:
    needs_gstreamer()
    sink = open_sink(f"gst://filesink location={tmp_path}/nowhere/x", 25, live=True)
    assert 'takes no frames: Could not open file "' in fails(sink, picture())
