"""A video file as a sink, coded by FFmpeg's libraries."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.error
from av.container import OutputContainer
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from av.video.stream import VideoStream

from spikerain_edge.errors import InputError, StreamError
from spikerain_edge.files import partial_name
from spikerain_edge.images import Image
from spikerain_edge.stream.frame import Frame
from spikerain_edge.stream.image_sinks import FolderSink, opaque_notice, unwritable
from spikerain_edge.stream.planes import to_planes
from spikerain_edge.stream.truncation import is_cut_off_avi

_FULL = "check whether the disk is full"
# Seconds that a frame of the slowest rate lasts.
_SLOWEST = 100_000
# Fine enough for every rate in use: 24, 25, 30 and 30000/1001 are whole numbers of ticks.
_TICK = Fraction(1, 90_000)


@dataclass(frozen=True)
class _Format:
    """How a container is written.

    Attributes:
        codec: FFmpeg's name of the encoder.
        pixels: its format of pixels.
        range: its range of levels.
        encoding: options of the encoder.
        muxing: options of the container.
        longest_gap: seconds that it can show one frame for.
    """

    codec: str
    pixels: str
    range: ColorRange
    encoding: dict[str, str]
    muxing: dict[str, str]
    longest_gap: float


# Without looking ahead each frame is in the file as soon as it is written.
_H264 = {"preset": "veryfast", "tune": "zerolatency", "crf": "16", "g": "50"}
# Fragments that play after a crash, joined into one index at the end.
_MP4 = _Format(
    "libx264", "yuv420p", ColorRange.MPEG, _H264, {"movflags": "hybrid_fragmented"}, 21_600
)
_MKV = _Format("libx264", "yuv420p", ColorRange.MPEG, _H264, {"cluster_time_limit": "1000"}, 21_600)
# AVI stores a gap tick by tick: a stall of hours must not fill the disk.
_AVI = _Format("mjpeg", "yuvj420p", ColorRange.JPEG, {"qmin": "2", "qmax": "2"}, {}, 10)
FORMATS = {".mp4": _MP4, ".m4v": _MP4, ".mov": _MP4, ".mkv": _MKV, ".avi": _AVI}
VIDEO_SUFFIXES = tuple(FORMATS)


class VideoSink:
    """A video file; it gets its name when it is complete. Odd sides lose their last pixel.

    MP4, MOV and MKV hold H.264, AVI holds MJPEG. Each frame is shown at its own time, so that the
    frame before it stays where frames were dropped. AVI knows no times, only ticks of the rate.

    Args:
        path: file to write; the suffix chooses container and codec.
        rate: frames per second, nominal.

    Raises:
        StreamError: its folder cannot be made or written.
    """

    separate = False

    def __init__(self, path: Path, rate: float) -> None:
        self.label = str(path)
        self._path = path
        self._format = FORMATS[path.suffix.lower()]
        self._rate = Fraction(rate).limit_denominator(_SLOWEST)
        self._tick = 1 / self._rate if path.suffix.lower() == ".avi" else _TICK
        self._longest_gap = round(self._format.longest_gap / self._tick)
        self._partial = partial_name(path.absolute())
        self._opened: tuple[OutputContainer, VideoStream] | None = None
        self._size = (0, 0)
        self._frames = 0
        self._first: float | None = None
        self._latest = -1
        self._folder = FolderSink(path.parent)
        self._say_opaque = opaque_notice(path)

    def write(self, frame: Frame, image: Image) -> None:
        """Appends a frame.

        Raises:
            InputError: its size is not that of the first.
            StreamError: the file cannot be written.
        """
        height, width = image.shape[:2]
        if self._opened is None:
            self._size = (width, height)
            self._opened = self._open(frame.pixel_shape)
        if (width, height) != self._size:
            raise InputError(
                f"{frame.name} is {width}x{height}, the video is {self._size[0]}x{self._size[1]}",
                "give one size with --imgsz WxH, or write into a folder",
            )
        if frame.alpha is not None:
            self._say_opaque(frame)
        try:
            self._append(*self._opened, frame, image)
        except OSError as error:
            raise unwritable(self._path, error) from error
        self._frames += 1

    def close(self) -> None:
        """Completes the file, so that it plays.

        Raises:
            StreamError: it could not be written to its end; what plays of it is kept.
        """
        try:
            if self._opened is not None:
                whole = _finish(*self._opened)
                self._opened = None
                self._complete(whole=whole)
        finally:
            self._folder.close()

    def _append(
        self, container: OutputContainer, stream: VideoStream, frame: Frame, image: Image
    ) -> None:
        planes = to_planes(
            image[: stream.height, : stream.width], full=self._format.range is ColorRange.JPEG
        )
        picture = av.VideoFrame.from_ndarray(planes, format=self._format.pixels)
        picture.pts, picture.time_base = self._place(frame), self._tick
        duration = frame.duration or float(1 / self._rate)
        for packet in stream.encode(picture):
            ticks = max(1, round(duration / packet.time_base))
            packet.duration = min(ticks, self._longest_gap)
            container.mux(packet)

    def _place(self, frame: Frame) -> int:
        """The tick at which a frame is shown; each is later than the one before."""
        shown = float(frame.sequence / self._rate) if frame.time is None else frame.time
        self._first = shown if self._first is None else self._first
        place = max(self._latest + 1, round((shown - self._first) / self._tick))
        if place - self._latest > self._longest_gap:
            self._first += float((place - self._latest - self._longest_gap) * self._tick)
            place = self._latest + self._longest_gap
        self._latest = place
        return place

    def _open(self, shape: Fraction) -> tuple[OutputContainer, VideoStream]:
        try:
            # A name that is too long must not fail at the end of a recording.
            self._path.is_symlink()
            # FFmpeg takes what is before a colon for a protocol.
            container = av.open(f"file:{self._partial}", "w", options=self._format.muxing)
        except OSError as error:
            raise unwritable(self._path, error) from error
        try:
            return container, self._start(container, shape)
        except av.error.FFmpegError as error:
            with suppress(av.error.FFmpegError):
                container.close()
            self._discard()
            if isinstance(error, OSError):
                raise unwritable(self._path, error) from error
            width, height = self._size
            raise StreamError(
                f"{self._path} cannot hold {width}x{height} at {float(self._rate):g} frames per "
                f"second: {error.strerror}",
                "scale the frames with --imgsz WxH, or write into a folder",
            ) from error

    def _start(self, container: OutputContainer, shape: Fraction) -> VideoStream:
        stream = container.add_stream(
            self._format.codec, rate=self._rate, options=self._format.encoding
        )
        if not isinstance(stream, VideoStream):
            raise TypeError(f"{self._format.codec} is not an encoder of video")
        width, height = self._size
        # Colour is stored for two by two pixels.
        stream.width, stream.height = max(2, width // 2 * 2), max(2, height // 2 * 2)
        stream.pix_fmt = self._format.pixels
        coder = stream.codec_context
        coder.time_base = stream.time_base = self._tick
        coder.sample_aspect_ratio = stream.sample_aspect_ratio = shape
        coder.colorspace, coder.color_range = Colorspace.SMPTE170M, self._format.range
        coder.color_primaries, coder.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        coder.open()
        container.start_encoding()
        return stream

    def _complete(self, *, whole: bool) -> None:
        """Gives the file its name, unless it is not whole."""
        held = _frames_in(self._partial)
        if held == 0:
            self._discard()
            raise StreamError(f"{self._path} could not be completed, nothing of it plays", _FULL)
        if held != self._frames or not whole or is_cut_off_avi(self._partial):
            raise StreamError(
                f"{self._path} could not be completed, {self._partial} holds {held} of "
                f"{self._frames} frames, the last perhaps cut off",
                _FULL,
            )
        try:
            self._partial.replace(self._path)
        except OSError as error:
            raise unwritable(self._path, error) from error

    def _discard(self) -> None:
        with suppress(OSError):
            self._partial.unlink()


def _finish(container: OutputContainer, stream: VideoStream) -> bool:
    """Writes what is left and closes a file; whether all of it could be written."""
    try:
        try:
            container.mux(stream.encode())
        finally:
            container.close()
    except OSError:
        return False
    return True


def _frames_in(video: Path) -> int:
    """How many frames a video holds: packets are counted, not decoded."""
    try:
        with av.open(f"file:{video}") as container:
            return sum(1 for packet in container.demux(video=0) if packet.size)
    except (av.error.FFmpegError, IndexError):
        return 0
