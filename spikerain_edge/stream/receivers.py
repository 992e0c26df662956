"""Opens what takes frames as they come: standard output, pipes, servers, devices, programs."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import cv2

from spikerain_edge.errors import InputError, StreamError
from spikerain_edge.images import Image
from spikerain_edge.stream.child import Child
from spikerain_edge.stream.encoder import Encoder
from spikerain_edge.stream.formats import FORMATS, LOOPBACK, MPEGTS, NUT, VideoFormat
from spikerain_edge.stream.frame import Frame
from spikerain_edge.stream.pipelines import PipelineText, check, started
from spikerain_edge.system import program_of

# Seconds that a program has to complete its work after the last frame.
_PATIENCE = 5.0
_QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 95]


class Receiver(Protocol):
    """Takes frames of one size."""

    def write(self, frame: Frame, image: Image) -> None:
        """Hands over a frame; raises OSError or StreamError where nobody takes it."""
        ...

    def finish(self) -> object:
        """Ends the stream."""
        ...


Opener = Callable[[Frame, tuple[int, int]], Receiver]


class ByteFile(Protocol):
    """What bytes are written to."""

    def write(self, content: bytes) -> int:
        """Writes all of it."""
        ...

    def close(self) -> None:
        """No more comes."""
        ...


class Pipe:
    """A pipe or device that is written to without a buffer, so that each frame leaves at once.

    Args:
        descriptor: an open file, which is closed with the pipe.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, content: bytes) -> int:
        """Writes all of it; waits for the reader."""
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
        return len(content)

    def close(self) -> None:
        """Closes the file."""
        os.close(self._descriptor)


class Packed:
    """Frames one after another, each packed by itself.

    Args:
        target: where they go; closed at the end.
        pack: makes the bytes of a frame.
    """

    def __init__(self, target: ByteFile, pack: Callable[[Image], bytes]) -> None:
        self._target = target
        self._pack = pack

    def write(self, frame: Frame, image: Image) -> None:
        """Hands over a frame."""
        self._target.write(self._pack(image))

    def finish(self) -> None:
        """Closes what they went to."""
        self._target.close()


class Coded:
    """A coded video that is written to a file that knows no positions.

    Args:
        target: where it goes; closed at the end.
        encoder: opened on the target.
    """

    def __init__(self, target: ByteFile, encoder: Callable[[ByteFile], Encoder]) -> None:
        self._target = target
        try:
            self._encoder = encoder(target)
        except BaseException:
            target.close()
            raise

    def write(self, frame: Frame, image: Image) -> None:
        """Hands over a frame."""
        self._encoder.write(frame, image)

    def finish(self) -> None:
        """Ends the video and closes what it went to."""
        whole = False
        try:
            whole = self._encoder.finish()
        finally:
            self._target.close()
        if not whole:
            raise StreamError("the end of the video could not be sent", "check what reads it")


class Fed:
    """A child, as a file that is written to; its end is the end of its work.

    Args:
        child: takes what is written.
    """

    def __init__(self, child: Child) -> None:
        self._child = child

    def write(self, content: bytes) -> int:
        """Writes all of it; waits for the child."""
        return self._child.write(content)

    def close(self) -> None:
        """Waits until the child has done its work; raises StreamError if it fails."""
        self._child.finish(_PATIENCE)


def standard_output(output_format: str, rate: float) -> Opener:
    """Opens standard output.

    Args:
        output_format: `mpegts` (H.264), `mjpeg` (JPEGs one after another) or `raw` (BGR, 8 bits).
        rate: frames per second, nominal.

    Raises:
        InputError: the format is another.
    """
    packers = {"mjpeg": _jpeg, "raw": _raw}
    if output_format not in (*packers, "mpegts"):
        raise InputError(
            f"--output-format {output_format} is not known", "give mpegts, mjpeg or raw"
        )

    def opened(frame: Frame, size: tuple[int, int]) -> Receiver:
        if sys.stdout is None:
            raise StreamError("standard output is closed", "open it, or name a file instead of -")
        target = Pipe(os.dup(1))
        if output_format in packers:
            return Packed(target, packers[output_format])
        return Coded(target, lambda file: _encoder(file, MPEGTS, rate, frame, size, "-"))

    return opened


def named_pipe(path: Path, rate: float) -> Opener:
    """Opens a named pipe or a device, in the format of its suffix; waits for a reader."""

    def opened(frame: Frame, size: tuple[int, int]) -> Receiver:
        target = Pipe(os.open(path, os.O_WRONLY))
        video = FORMATS[path.suffix.lower()]
        return Coded(target, lambda file: _encoder(file, video, rate, frame, size, str(path)))

    return opened


def rtsp_server(url: str, label: str, rate: float) -> Opener:
    """Publishes on an RTSP server, through a program of its own."""

    def opened(frame: Frame, size: tuple[int, int]) -> Receiver:
        child = Child([sys.executable, "-c", program_of("spikerain_edge.stream.push")], label)
        child.write(f"{url}\n".encode())
        return Coded(Fed(child), lambda file: _encoder(file, NUT, rate, frame, size, label))

    return opened


def gstreamer(written: str, label: str, rate: float) -> Opener:
    """Sends raw frames to the elements of a GStreamer pipeline.

    Raises:
        InputError: GStreamer is not installed, the pipeline is not valid, or a secret in it has no
            value.
    """
    pipeline = PipelineText(written, label)
    check(_fed(pipeline, rate, (640, 480), Fraction(1)), pipeline)

    def opened(frame: Frame, size: tuple[int, int]) -> Receiver:
        text = _fed(pipeline, rate, size, frame.pixel_shape)
        return Packed(Fed(started(text, pipeline, "sink")), _raw)

    return opened


def _fed(pipeline: PipelineText, rate: float, size: tuple[int, int], shape: Fraction) -> str:
    """The whole pipeline: raw frames from standard input, and the user's elements."""
    per_second = _ratio(Fraction(rate).limit_denominator(1001))
    layout = f"format=bgr width={size[0]} height={size[1]} framerate={per_second}"
    head = f"fdsrc fd=0 ! rawvideoparse {layout} pixel-aspect-ratio={_ratio(shape)}"
    return f"{head} ! videoconvert ! {pipeline.text}"


def loopback_device(device: str, rate: float) -> Opener:
    """Writes to a video device such as that of v4l2loopback.

    Raises:
        InputError: there is no such device.
    """
    if not Path(device).is_char_device():
        raise InputError(
            f"there is no video device {device}",
            "make one: modprobe v4l2loopback, and list them: ls /dev/video*",
        )

    def opened(frame: Frame, size: tuple[int, int]) -> Receiver:
        return _encoder(device, LOOPBACK, rate, frame, size, device)

    return opened


def _encoder(
    target: object,
    video: VideoFormat,
    rate: float,
    frame: Frame,
    size: tuple[int, int],
    label: str,
) -> Encoder:
    shape = frame.pixel_shape
    return Encoder(target, video, rate, size=size, pixel_shape=shape, label=label, live=True)


def _ratio(number: Fraction) -> str:
    return f"{number.numerator}/{number.denominator}"


def _raw(image: Image) -> bytes:
    return image.tobytes()


def _jpeg(image: Image) -> bytes:
    return cv2.imencode(".jpg", image, _QUALITY)[1].tobytes()
