"""Pipelines of GStreamer, run by its own tool."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path

import pytest

from spikerain_edge.errors import InputError, StreamError
from spikerain_edge.stream.capture_options import CaptureOptions
from spikerain_edge.stream.gstreamer import csi_pipeline
from spikerain_edge.stream.live import LiveSource
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
        if b"gst-launch" in Path(f"/proc/{number}/cmdline").read_bytes()
        or "(gst-launch" in Path(f"/proc/{number}/stat").read_text()
    ]


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


@needs_gstreamer
def test_a_pipeline_that_ends_is_started_again() -> None:
    source = opened(RED.replace("videotestsrc", "videotestsrc num-buffers=4"), CaptureOptions())
    assert len(list(islice(source, 6))) == 6
    source.close()
    assert len(source.outages) == 1
    assert running_pipelines() == []


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


@needs_gstreamer
def test_what_is_wrong_with_a_pipeline_is_said() -> None:
    with pytest.raises(InputError, match='no element "nosuchthing"'):
        open_source("gst://nosuchthing ! fakesink")
    with pytest.raises(StreamError, match="Cannot identify device '/dev/video99'"):
        open_source("gst://v4l2src device=/dev/video99")
    with pytest.raises(InputError, match="quotation"):
        open_source("gst://videotestsrc name='x")
    with pytest.raises(StreamError, match="it sends no frames for 1 s"):
        open_source(f"{RED} ! valve drop=true", CaptureOptions(stall_timeout=1.0))
    assert running_pipelines() == []


HANGING = """
import sys, threading, time
from spikerain_edge.stream.sources import open_source
begun = threading.Event()
def read(uri):
    for frame in open_source(uri):
        begun.set()
threading.Thread(target=read, args=(sys.argv[1],), daemon=True).start()
sys.exit(not begun.wait(60) if sys.argv[2] == "reading" else time.sleep(2))
"""


@needs_gstreamer
@pytest.mark.parametrize(("state", "rate"), [("reading", "1/60"), ("opening", "1/1")])
def test_a_pipeline_ends_with_the_program_whatever_it_does(
    tmp_path: Path, state: str, rate: str
) -> None:
    name = f"pipeline-{state}-{os.getpid()}"
    source = f"videotestsrc is-live=true name={name} ! video/x-raw,framerate={rate}"
    uri = f"gst://{source}" + (" ! valve drop=true" if state == "opening" else "")
    subprocess.run([sys.executable, "-c", HANGING, uri, state], check=True, timeout=100)
    left = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline")]
    assert not [command for command in left if f"name={name}".encode() in command]


def test_without_gstreamer_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(InputError, match=r"not installed; .*gstreamer1\.0-tools"):
        open_source("gst://videotestsrc")


def test_a_csi_camera_is_a_pipeline() -> None:
    asked = CaptureOptions(size=(640, 480), rate=21.5)
    caps = "video/x-raw(memory:NVMM),width=640,height=480,framerate=21500/1000"
    assert csi_pipeline("1", asked) == (
        f"nvarguscamerasrc sensor-id=1 ! {caps} ! nvvidconv ! video/x-raw,format=I420"
    )
    with pytest.raises(InputError, match="CSI"):
        open_source("csi://front")
