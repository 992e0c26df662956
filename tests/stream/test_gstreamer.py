"""Pipelines of GStreamer, run by its own tool."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spikerain_edge.errors import InputError, StreamError
from spikerain_edge.stream.capture_options import CaptureOptions
from spikerain_edge.stream.frame import Frame
from spikerain_edge.stream.gstreamer import csi_pipeline
from spikerain_edge.stream.live import LiveSource
from spikerain_edge.stream.pipelines import PipelineText
from spikerain_edge.stream.sinks import open_sink
from spikerain_edge.stream.sources import open_source

COLOUR = "videotestsrc is-live=true pattern=solid-color foreground-color=0xff4080c0"
RED = f"gst://{COLOUR} ! video/x-raw,width=98,height=64,framerate=20/1"

needs_gstreamer = pytest.mark.skipif(
    shutil.which("gst-launch-1.0") is None, reason="needs the Debian package gstreamer1.0-tools"
)


def opened(uri: str, options: CaptureOptions) -> LiveSource:
    source = open_source(uri, options)
    assert isinstance(source, LiveSource)
    return source


def children() -> set[int]:
    """Processes of this one, those that have ended without being waited for too."""
    tasks = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    return {int(number) for task in tasks for number in task.read_text().split()}


def running_pipelines() -> list[int]:
    return [
        number
        for number in children()
        if b"launch.py" in Path(f"/proc/{number}/cmdline").read_bytes()
        or ") Z " in Path(f"/proc/{number}/stat").read_text()
    ]


@pytest.mark.slow
@needs_gstreamer
def test_pictures_come_as_the_pipeline_makes_them() -> None:
    source = opened(RED, CaptureOptions())
    frames = list(islice(source, 5))
    assert source.rate == 20
    source.close()
    for frame in frames:
        assert frame.image.shape == (64, 98, 3)
        assert frame.image.reshape(-1, 3).mean(axis=0) == pytest.approx((192, 128, 64), abs=4)
    assert running_pipelines() == []


@pytest.mark.slow
@needs_gstreamer
def test_a_pipeline_that_ends_is_started_again() -> None:
    source = opened(RED.replace("videotestsrc", "videotestsrc num-buffers=4"), CaptureOptions())
    assert len(list(islice(source, 6))) == 6
    source.close()
    assert len(source.outages) == 1
    assert running_pipelines() == []


@pytest.mark.slow
@needs_gstreamer
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_pipeline_that_is_killed_or_frozen_is_replaced(number: signal.Signals) -> None:
    source = opened(RED, CaptureOptions(stall_timeout=1.0))
    frames = iter(source)
    list(islice(frames, 3))
    (child,) = running_pipelines()
    os.kill(child, number)
    deadline = time.perf_counter() + 60
    while not source.outages or source.outages[-1].seconds == 0:
        next(frames)
        assert time.perf_counter() < deadline
    next(frames)
    assert running_pipelines() != [child]
    source.close()
    del frames
    assert running_pipelines() == []


@pytest.mark.slow
@needs_gstreamer
def test_what_is_wrong_with_a_pipeline_is_said() -> None:
    with pytest.raises(InputError, match='no element "nosuchthing"'):
        open_source("gst://nosuchthing ! fakesink")
    with pytest.raises(StreamError, match="Cannot identify device '/dev/video99'"):
        open_source("gst://v4l2src device=/dev/video99")
    with pytest.raises(InputError, match="close its quotation"):
        open_source("gst://videotestsrc name='x")
    with pytest.raises(InputError, match="names no element"):
        open_source("gst://")
    with pytest.raises(StreamError, match="it sends no frames for 1 s"):
        open_source(f"{RED} ! valve drop=true", CaptureOptions(stall_timeout=1.0))
    assert running_pipelines() == []


HANGING = """
import os, sys, threading, time
from spikerain_edge.stream.sources import open_source
begun = threading.Event()
def read(uri):
    for frame in open_source(uri):
        begun.set()
threading.Thread(target=read, args=(sys.argv[1],), daemon=True).start()
assert begun.wait(60) if sys.argv[2] == "reading" else not time.sleep(2)
if sys.argv[3] == "killed":
    os.kill(os.getpid(), 9)
"""


@pytest.mark.slow
@needs_gstreamer
@pytest.mark.parametrize("end", ["in order", "killed"])
@pytest.mark.parametrize(("state", "rate"), [("reading", "1/60"), ("opening", "1/1")])
def test_a_pipeline_ends_with_the_program_whatever_it_does(state: str, rate: str, end: str) -> None:
    source = f"videotestsrc is-live=true ! video/x-raw,framerate={rate}"
    uri = f"gst://{source}" + (" ! valve drop=true" if state == "opening" else "")
    mark = f"pipeline-{state}-{end}-{os.getpid()}"
    command = [sys.executable, "-c", HANGING, uri, state, end]
    environment = {**os.environ, "MARK": mark}
    ended = subprocess.run(command, check=False, timeout=100, env=environment)
    assert ended.returncode == (0 if end == "in order" else -9)
    deadline = time.monotonic() + 60
    while marked_processes(mark):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def marked_processes(mark: str) -> list[str]:
    """Processes that run with this value of the variable MARK."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if f"MARK={mark}".encode() in path.read_bytes():
                found.append(path.parent.name)
    return found


@needs_gstreamer
def test_a_picture_keeps_the_shape_of_its_pixels() -> None:
    source = opened(f"{RED},pixel-aspect-ratio=16/11", CaptureOptions())
    assert next(iter(source)).pixel_shape == Fraction(16, 11)
    source.close()


@pytest.mark.slow
@needs_gstreamer
def test_pictures_of_another_format_are_never_taken_for_those_before() -> None:
    sizes = (f"{COLOUR} num-buffers=3 ! video/x-raw,width={width},height=64" for width in (98, 40))
    first, second = (f"{each} ! c.sink_{number}" for number, each in enumerate(sizes))
    source = opened(f"gst://concat name=c {first} {second} c.", CaptureOptions())
    frames = list(islice(source, 6))
    source.close()
    for frame in frames:
        assert frame.image.reshape(-1, 3).std(axis=0).max() < 3


ODD = "p\"a's!s \\ w\u00f6rd=%x"


@needs_gstreamer
def test_secrets_are_filled_in_and_nowhere_to_be_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORD", str(tmp_path / ODD))
    image = np.full((4, 4, 3), 7, np.uint8)
    sink = open_sink("gst://video/x-raw,format={BGR} ! filesink location={WORD}", 25)
    sink.write(Frame(image, 0, 0.0, "shot"), image)
    seen = b"".join(Path(f"/proc/{child}/cmdline").read_bytes() for child in children())
    sink.close()
    assert (tmp_path / ODD).read_bytes() == image.tobytes()
    assert str(tmp_path).encode() not in seen


@needs_gstreamer
def test_the_secret_of_a_pipeline_that_fails_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORD", "geheim/x")
    with pytest.raises(StreamError) as raised:
        open_source("gst://filesrc location={WORD} ! decodebin")
    assert "geheim" not in str(raised.value)
    assert PipelineText("rtspsrc location=rtsp://me:{WORD}@c", "").text.endswith(
        "//me:geheim%2Fx@c"
    )
    with pytest.raises(InputError, match=r"\{NOWHERE\} .* has no value"):
        open_source("gst://filesrc location={NOWHERE}")


@pytest.mark.slow
@needs_gstreamer
def test_an_output_that_ignores_its_end_does_not_hold_the_program_up() -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    sink = open_sink("gst://identity sleep-time=100000000 ! fakesink", 25)
    sink.write(Frame(image, 0, 0.0, "shot"), image)
    with pytest.raises(StreamError, match="not taken all frames: no end within 5 seconds"):
        sink.close()
    assert running_pipelines() == []


def test_without_gstreamer_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "libgstreamer-1.0.so.0").touch()
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    openings: list[Callable[[str], Any]] = [open_source, lambda uri: open_sink(uri, 25)]
    for opening in openings:
        with pytest.raises(InputError, match=r"gst:// needs GStreamer.*apt install"):
            opening("gst://videotestsrc")


def test_a_csi_camera_is_a_pipeline() -> None:
    asked = CaptureOptions(size=(640, 480), rate=21.5)
    caps = "video/x-raw(memory:NVMM),width=640,height=480,framerate=21500/1000"
    assert csi_pipeline("1", asked) == (
        f"nvarguscamerasrc sensor-id=1 ! {caps} ! nvvidconv ! video/x-raw,format=I420"
    )
    with pytest.raises(InputError, match="CSI"):
        open_source("csi://front")
