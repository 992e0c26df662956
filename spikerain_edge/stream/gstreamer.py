"""Pipelines of GStreamer as a source of frames, in a process of their own.

OpenCV's wheels are built without GStreamer, and so are FFmpeg's libraries.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import re
import select
import shlex
import subprocess
import threading
import time
from collections import deque
from collections.abc import Iterator

import cv2
import numpy as np

from spikerain_edge.errors import InputError, StreamError
from spikerain_edge.stream.capture_options import CaptureOptions
from spikerain_edge.stream.connector import Connector, Shot
from spikerain_edge.stream.frame import DEFAULT_RATE
from spikerain_edge.stream.live import LiveSource

# The one format of raw pictures whose rows GStreamer never pads.
_ENDING = "videoconvert ! video/x-raw,format=BGRx ! fdsink name=frames sync=false fd="
_CAPS = re.compile(r"GstFdSink:frames\.GstPad:sink: caps = (video/x-raw,.*)")
_PIPE = 1 << 20
# Seconds until a child that does not end is killed.
_PATIENCE = 1.0
_TRY = "try the pipeline with gst-launch-1.0"


class GStreamerConnection:
    """A pipeline in a child process, which ends with it.

    Args:
        pipeline: as `gst-launch-1.0` takes it; ends in raw pictures.
        label: what to call it in messages.
        patience: seconds without a frame after which it is lost.

    Attributes:
        rate: frames per second, nominal.

    Raises:
        InputError: the pipeline is not valid, or GStreamer is not installed.
        StreamError: it does not start, or sends nothing.
    """

    def __init__(self, pipeline: str, label: str, patience: float) -> None:
        self._label = label
        self._child = _Child(pipeline, patience)
        try:
            caps = self._child.first_caps()
            if caps is None:
                raise self._not_started()
            width, height = (int(_field(caps, name)) for name in ("width", "height"))
            self._shape = (height, width, 4)
            above, _, below = _field(caps, "framerate").partition("/")
            self.rate = int(above) / int(below or 1) or DEFAULT_RATE
        except BaseException:
            self._child.close()
            raise

    def shots(self) -> Iterator[Shot | None]:
        """Pictures as they come.

        Raises:
            StreamError: no picture for too long, or the pipeline has ended.
        """
        length = self._shape[0] * self._shape[1] * self._shape[2]
        caps = self._child.caps()
        while data := self._child.read(length):
            if self._child.caps() != caps:
                raise StreamError(f"{self._label} has changed its format", "")
            padded = np.frombuffer(data, np.uint8).reshape(self._shape)
            image = np.asarray(cv2.cvtColor(padded, cv2.COLOR_BGRA2BGR), np.uint8)
            yield Shot(image, time.perf_counter())
        raise StreamError(f"{self._label} has ended: {self._child.reason()}", "")

    def close(self) -> None:
        """Ends the child."""
        self._child.close()

    def _not_started(self) -> StreamError | InputError:
        reason = self._child.reason()
        cause = f"{self._label} cannot be opened: {reason}"
        return (InputError if "erroneous pipeline" in reason else StreamError)(cause, _TRY)


class _Child:
    """The process, and the pipe that its pictures come through."""

    def __init__(self, pipeline: str, patience: float) -> None:
        self._patience = patience
        self._told: deque[str] = deque(maxlen=50)
        self._caps: str | None = None
        self._told_caps = threading.Event()
        words = _words(pipeline)
        self._pictures, written = os.pipe()
        fcntl.fcntl(self._pictures, fcntl.F_SETPIPE_SZ, _PIPE)
        command = ["gst-launch-1.0", "-v", *words, "!", *f"{_ENDING}{written}".split()]
        try:
            # In a session of its own Ctrl-C does not end it before we do.
            self._process = subprocess.Popen(  # noqa: S603 - the user's own pipeline, no shell
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(written,),
                start_new_session=True,
            )
        except FileNotFoundError as error:
            os.close(self._pictures)
            raise InputError(
                "gst-launch-1.0 is not installed",
                "install it: apt install gstreamer1.0-tools gstreamer1.0-plugins-good",
            ) from error
        finally:
            os.close(written)
        self._closed = False
        # The thread that reads the pictures may still wait for one when the program ends.
        atexit.register(self._stop)
        self._listening = threading.Thread(target=self._listen, name="gst-launch", daemon=True)
        self._listening.start()

    def caps(self) -> str | None:
        """The latest format of its pictures."""
        return self._caps

    def first_caps(self) -> str | None:
        """The format of its pictures once they come; none if they do not."""
        if self.ready():
            self._told_caps.wait(self._patience)
        return self._caps

    def ready(self) -> bool:
        """Waits for pictures, or for its end; whether there are any in time."""
        ready, _, _ = select.select([self._pictures], [], [], self._patience)
        return bool(ready)

    def read(self, length: int) -> bytearray:
        """So many bytes; fewer than that are none."""
        data = bytearray(length)
        filled = 0
        while filled < length:
            read = os.readv(self._pictures, [memoryview(data)[filled:]]) if self.ready() else 0
            if not read:
                return bytearray()
            filled += read
        return data

    def reason(self) -> str:
        """Why it sends nothing, in its own words if it has any; ends it."""
        silent = self._process.poll() is None and not self._ended()
        self._stop()
        for line in self._told:
            _, marked, text = line.partition("ERROR: ")
            if marked or "erroneous pipeline" in line:
                return (text or line.removeprefix("WARNING: ")).strip()
        return f"it sends no frames for {self._patience:g} seconds" if silent else "it is over"

    def close(self) -> None:
        """Ends the process and waits for it."""
        self._stop()
        if not self._closed:
            self._closed = True
            atexit.unregister(self._stop)
            os.close(self._pictures)

    def _ended(self) -> bool:
        """Whether it has closed its end of the pipe."""
        ready, _, _ = select.select([self._pictures], [], [], 0)
        return bool(ready)

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._listening.join(_PATIENCE)

    def _listen(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - a pipe, as asked
        with self._process.stdout as lines:
            for line in lines:
                text = line.decode(errors="replace")
                caps = _CAPS.search(text)
                if caps is None:
                    self._told.append(text)
                else:
                    self._caps = caps[1]
                    self._told_caps.set()
        self._told_caps.set()


def open_pipeline(pipeline: str, label: str, options: CaptureOptions) -> LiveSource:
    """Opens a pipeline of GStreamer.

    Args:
        pipeline: as `gst-launch-1.0` takes it; ends in raw pictures.
        label: what to call it in messages.
        options: how it is watched.

    Raises:
        InputError: the pipeline is not valid, or GStreamer is not installed.
        StreamError: it does not start.
    """

    def connect() -> GStreamerConnection:
        return GStreamerConnection(pipeline, label, options.stall_timeout)

    connector = Connector(connect, label)
    connection = connector.first(wait=options.wait_for_camera)
    return LiveSource(connection, connector, options.stall_timeout)


def csi_pipeline(number: str, options: CaptureOptions) -> str:
    """The pipeline of a Jetson's camera at a CSI connector.

    Args:
        number: of its sensor.
        options: size and rate; 1280x720 at 30 per second unless given.

    Raises:
        InputError: it is not a number.
    """
    if not (number.isascii() and number.isdigit()):
        raise InputError(f"{number!r} is not the number of a CSI camera", "give csi://0")
    width, height = options.size or (1280, 720)
    rate = f"{round((options.rate or 30) * 1000)}/1000"
    return (
        f"nvarguscamerasrc sensor-id={number} ! video/x-raw(memory:NVMM),width={width},"
        f"height={height},framerate={rate} ! nvvidconv ! video/x-raw,format=I420"
    )


def _words(pipeline: str) -> list[str]:
    try:
        return shlex.split(pipeline)
    except ValueError as error:
        raise InputError(f"the pipeline has an open quotation: {error}", "close it") from error


def _field(caps: str, name: str) -> str:
    """A field of caps, such as 640 for the width of `width=(int)640`."""
    found = re.search(rf"\b{name}=\([a-z]+\)([^,]+)", caps)
    return found[1].strip() if found else "0"
