"""Codes frames into a container by FFmpeg's libraries, each at its own time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import av.error
from av.container import OutputContainer
from av.video.frame import PictureType
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from av.video.stream import VideoStream

from spikerain_edge.errors import StreamError
from spikerain_edge.images import Image
from spikerain_edge.stream.formats import VideoFormat
from spikerain_edge.stream.frame import Frame
from spikerain_edge.stream.hardware import NVENC, NVENC_OPTIONS, nvenc_opens
from spikerain_edge.stream.planes import to_planes
from spikerain_edge.stream.sound import Sound

# Seconds that a frame of the slowest rate lasts.
_SLOWEST = 100_000
# Fine enough for every rate in use: 24, 25, 30 and 30000/1001 are whole numbers of ticks.
_TICK = Fraction(1, 90_000)
# Seconds between pictures from which a live recording can be played, at any frame rate.
_KEY_EVERY = 2.0


@dataclass(frozen=True)
class CodedFrame:
    """A frame that is coded already.

    Attributes:
        packet: the coded frame.
        sequence: number of the frame in its source, from 0.
        time: in seconds after the first frame; none where frames follow at the rate.
        duration: in seconds; none where it is one tick of the rate.
    """

    packet: av.Packet[VideoStream]
    sequence: int
    time: float | None
    duration: float | None


class Encoder:
    """One opened video. Odd sides lose their last pixel.

    Each frame is shown at its own time, so that the frame before it stays where frames were
    dropped. AVI knows no times, only ticks of the rate.

    Args:
        target: a URL of FFmpeg's, or a file opened for writing.
        video: the container and its codec.
        rate: frames per second, nominal.
        size: width and height of the frames.
        pixel_shape: width of a pixel divided by its height.
        label: what to call it in messages.
        live: written so that all but the last second plays wherever it breaks off.
        sound: copied beside the frames, where the container can hold it; closed with the video.

    Attributes:
        size: width and height of the frames.
        has_sound: whether the sound is copied.

    Raises:
        OSError: the target cannot be written.
        StreamError: the container cannot hold this size or rate.
    """

    def __init__(
        self,
        target: Any,
        video: VideoFormat,
        rate: float,
        *,
        size: tuple[int, int],
        pixel_shape: Fraction,
        label: str,
        live: bool = False,
        sound: Sound | None = None,
    ) -> None:
        self.size = size
        self._label = label
        self._video = video
        self._live = live
        self._rate = Fraction(rate).limit_denominator(_SLOWEST)
        self._tick = 1 / self._rate if video.ticks else _TICK
        self._longest_gap = round(video.longest_gap / self._tick)
        self._first: float | None = None
        self._latest = -1
        self._next_key = 0
        self._sound = sound
        self.has_sound = False
        muxing = video.live if live else video.muxing
        self._container = av.open(target, "w", format=video.muxer, options=dict(muxing))
        self._stream = self._started(pixel_shape)

    def write(self, frame: Frame, image: Image) -> None:
        """Appends a frame.

        Raises:
            OSError: it cannot be written.
            StreamError: the codec or the container refuses it.
        """
        height, width = self._stream.height, self._stream.width
        full = self._video.range is ColorRange.JPEG
        planes = to_planes(image[:height, :width], full=full)
        picture = av.VideoFrame.from_ndarray(planes, format=self._video.pixels)
        picture.pts, picture.time_base = self._place(frame.sequence, frame.time), self._tick
        if self._live and picture.pts >= self._next_key:
            picture.pict_type = PictureType.I
            self._next_key = picture.pts + round(_KEY_EVERY / self._tick)
        with self._refusals(frame.called):
            self._copy_sound()
            for packet in self._stream.encode(picture):
                self._mux(packet, frame.duration)

    def copy(self, coded: CodedFrame) -> None:
        """Appends a frame that another encoder of this format, size and rate has coded.

        Raises:
            OSError: it cannot be written.
            StreamError: the container refuses it.
        """
        packet = coded.packet
        packet.time_base = self._tick
        packet.pts = packet.dts = self._place(coded.sequence, coded.time)
        packet.stream = self._stream
        with self._refusals(f"frame {coded.sequence}"):
            self._copy_sound()
            self._mux(packet, coded.duration)

    @property
    def parameters(self) -> bytes:
        """Headers of the codec, which all coded frames share."""
        return self._stream.codec_context.extradata or b""

    @contextmanager
    def _refusals(self, called: str) -> Iterator[None]:
        """Converts an error of the codec or the container to a StreamError."""
        try:
            yield
        except av.error.FFmpegError as error:
            if isinstance(error, OSError):
                raise
            raise StreamError(
                f"{self._label} cannot hold {called}: {error.strerror}",
                "write into a folder, or choose another format, such as .mkv",
            ) from error

    def _copy_sound(self) -> None:
        if self._sound is not None:
            self._sound.copy_until(self._container, float((self._latest + 1) * self._tick))

    def _mux(self, packet: av.Packet[VideoStream], duration: float | None) -> None:
        ticks = max(1, round((duration or float(1 / self._rate)) / packet.time_base))
        packet.duration = min(ticks, self._longest_gap)
        self._container.mux(packet)

    def finish(self) -> bool:
        """Writes what is left and closes the container; whether all of it could be written."""
        try:
            try:
                self._container.mux(self._stream.encode())
            finally:
                self._container.close()
                if self._sound is not None:
                    self._sound.close()
        except (OSError, av.error.FFmpegError):
            return False
        return True

    def _place(self, sequence: int, time: float | None) -> int:
        """The tick at which a frame is shown; each is later than the one before."""
        shown = float(sequence / self._rate) if time is None else time
        self._first = shown if self._first is None else self._first
        place = max(self._latest + 1, round((shown - self._first) / self._tick))
        if place - self._latest > self._longest_gap:
            self._first += float((place - self._latest - self._longest_gap) * self._tick)
            place = self._latest + self._longest_gap
        self._latest = place
        return place

    def _started(self, shape: Fraction) -> VideoStream:
        try:
            stream = self._configured(self._container, shape)
            self.has_sound = self._sound is not None and self._sound.add_to(self._container)
            self._container.start_encoding()
        except av.error.FFmpegError as error:
            with suppress(av.error.FFmpegError):
                self._container.close()
            if isinstance(error, OSError):
                raise
            width, height = self.size
            raise StreamError(
                f"{self._label} cannot hold {width}x{height} at {float(self._rate):g} frames per "
                f"second: {error.strerror}",
                "scale the frames with --imgsz WxH, or write into a folder",
            ) from error
        return stream

    def _codec(self, size: tuple[int, int]) -> tuple[str, dict[str, str]]:
        """Name and options of the encoder: what is live is coded in hardware where that works."""
        video = self._video
        if self._live and video.codec == "libx264" and nvenc_opens(size, self._label):
            return NVENC, NVENC_OPTIONS
        return video.codec, {**video.encoding, **(video.live_encoding if self._live else {})}

    def _configured(self, container: OutputContainer, shape: Fraction) -> VideoStream:
        width, height = self.size
        # Colour is stored for two by two pixels.
        even = max(2, width // 2 * 2), max(2, height // 2 * 2)
        codec, encoding = self._codec(even)
        stream = container.add_stream(codec, rate=self._rate, options=encoding)
        if not isinstance(stream, VideoStream):
            raise TypeError(f"{codec} is not an encoder of video")
        stream.width, stream.height = even
        stream.pix_fmt = self._video.pixels
        coder = stream.codec_context
        coder.time_base = stream.time_base = self._tick
        coder.sample_aspect_ratio = stream.sample_aspect_ratio = shape
        coder.colorspace, coder.color_range = Colorspace.SMPTE170M, self._video.range
        coder.color_primaries, coder.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        coder.open()
        return stream


def frames_in(video: str) -> int:
    """How many frames a video file holds: packets are counted, not decoded."""
    try:
        with av.open(f"file:{video}") as container:
            return sum(1 for packet in container.demux(video=0) if packet.size)
    except (av.error.FFmpegError, IndexError):
        return 0
