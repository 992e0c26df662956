"""Pipelines of GStreamer as a source of frames, in a process of their own.

OpenCV's wheels are built without GStreamer, and so are FFmpeg's libraries.
"""

from __future__ import annotations

import fcntl
import os
import re
import select
import threading
import time
from collections.abc import Iterator
from fractions import Fraction

import cv2
import numpy as np

from spikerain_edge.errors import InputError, StreamError
from spikerain_edge.stream.capture_options import CaptureOptions
from spikerain_edge.stream.connector import Connector, Shot
from spikerain_edge.stream.frame import DEFAULT_RATE
from spikerain_edge.stream.live import LiveSource
from spikerain_edge.stream.pipelines import PipelineText, failure, started

# The one format of raw pictures whose rows GStreamer never pads.
_ENDING = "videoconvert ! video/x-raw,format=BGRx ! fdsink name=frames sync=false fd="
_CAPS = "caps video/x-raw,"
_PIPE = 1 << 20
# Seconds between two looks whether the child has ended.
_POLL = 0.1


class GStreamerConnection:
    """A pipeline in a child process, which ends with it.

    Args:
        pipeline: ends in raw pictures.
        patience: seconds without a frame after which it is lost.

    Attributes:
        rate: frames per second, nominal.

    Raises:
        InputError: the pipeline is not valid, or GStreamer is not installed.
        StreamError: it does not start, or sends nothing.
    """

    def __init__(self, pipeline: PipelineText, patience: float) -> None:
        self._pipeline = pipeline
        self._patience = patience
        self._caps = ""
        self._told_caps = threading.Event()
        self._pictures, written = os.pipe()
        self._closed = False
        try:
            fcntl.fcntl(self._pictures, fcntl.F_SETPIPE_SZ, _PIPE)
            text = f"{pipeline.text} ! {_ENDING}{written}"
            self._child = started(text, pipeline, "source", passed=(written,), heard=self._hear)
        except BaseException:
            os.close(self._pictures)
            raise
        finally:
            os.close(written)
        try:
            if not (self._ready() and self._knows_caps()):
                raise self._lost("cannot be opened")
            width, height = (int(_field(self._caps, name)) for name in ("width", "height"))
            self._shape = (height, width, 4)
            self._pixel_shape = _ratio(_field(self._caps, "pixel-aspect-ratio")) or Fraction(1)
            self.rate = float(_ratio(_field(self._caps, "framerate"))) or DEFAULT_RATE
        except BaseException:
            self.close()
            raise

    def shots(self) -> Iterator[Shot | None]:
        """Pictures as they come.

        Raises:
            StreamError: no picture for too long, or the pipeline has ended.
        """
        while data := self._read(self._shape[0] * self._shape[1] * self._shape[2]):
            padded = np.frombuffer(data, np.uint8).reshape(self._shape)
            image = np.asarray(cv2.cvtColor(padded, cv2.COLOR_BGRA2BGR), np.uint8)
            yield Shot(image, time.perf_counter(), self._pixel_shape)
        raise self._lost("has ended")

    def close(self) -> None:
        """Ends the child and waits for it."""
        self._child.close()
        if not self._closed:
            self._closed = True
            os.close(self._pictures)

    def _hear(self, line: str) -> bool:
        if not line.startswith(_CAPS):
            return False
        self._caps = line
        self._told_caps.set()
        return True

    def _ready(self) -> bool:
        """Waits for a picture, or for the end of the child; whether there is one in time."""
        ready, _, _ = select.select([self._pictures], [], [], self._patience)
        return bool(ready)

    def _knows_caps(self) -> bool:
        """Waits for the format of the pictures, or for the end of the child."""
        while not self._told_caps.wait(_POLL) and self._child.wait(0) is None:
            pass
        return self._told_caps.wait(_POLL)

    def _read(self, length: int) -> bytearray:
        """So many bytes; fewer than that are none."""
        data = bytearray(length)
        filled = 0
        while filled < length:
            read = os.readv(self._pictures, [memoryview(data)[filled:]]) if self._ready() else 0
            if not read:
                return bytearray()
            filled += read
        return data

    def _lost(self, what: str) -> InputError | StreamError:
        ended, _, _ = select.select([self._pictures], [], [], 0)
        if ended:
            return failure(self._child, self._pipeline, what)
        label = self._pipeline.label
        return StreamError(f"{label} {what}: it sends no frames for {self._patience:g} seconds", "")


def open_pipeline(pipeline: str, label: str, options: CaptureOptions) -> LiveSource:
    """Opens a pipeline of GStreamer.

    Args:
        pipeline: as `gst-launch-1.0` takes it, with `{NAME}` for secrets; ends in raw pictures.
        label: what to call it in messages.
        options: how it is watched.

    Raises:
        InputError: the pipeline is not valid, or GStreamer is not installed.
        StreamError: it does not start.
    """

    text = PipelineText(pipeline, label)

    def connect() -> GStreamerConnection:
        return GStreamerConnection(text, options.stall_timeout)

    connector = Connector(connect, label, options.stall_timeout)
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


def _field(caps: str, name: str) -> str:
    """A field of caps, such as 640 for the width of `width=(int)640`."""
    found = re.search(rf"\b{name}=\([a-z]+\)([^,]+)", caps)
    return found[1].strip() if found else "0"


def _ratio(text: str) -> Fraction:
    above, _, below = text.partition("/")
    return Fraction(int(above), int(below or 1))
