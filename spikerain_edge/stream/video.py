"""Video files as a source of frames, decoded by FFmpeg's libraries."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from shlex import quote

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from spikerain_edge.errors import InputError
from spikerain_edge.images import Image
from spikerain_edge.stream.frame import DEFAULT_RATE, Frame
from spikerain_edge.stream.truncation import LONGEST_STEP, IncompletePackets, missing_at_end

# FFmpeg's flag of formats such as MPEG-TS, whose time stamps may break.
_DISCONTINUOUS = 0x0200
# Errors of the reader in a row after which nothing more is expected of a file.
_MOST_ERRORS = 1000


class VideoSource:
    """A video file: every frame that can be decoded, at its own time, upright.

    Args:
        container: the opened file.
        label: what to call it in messages.
        path: where it is, if it is a file of this machine.

    Attributes:
        has_sound: whether the file has a sound track too.

    Raises:
        InputError: the file holds no video; after the last frame: some could not be decoded.
    """

    live = False

    def __init__(self, container: InputContainer, label: str, path: Path | None = None) -> None:
        self.paths: Sequence[Path] = () if path is None else (path,)
        self.missing = 0
        self._label = label
        self._container = container
        self._stream = video_stream(container, label)
        self.has_sound = bool(container.streams.audio)
        self._discontinuous = bool(self._container.format.flags & _DISCONTINUOUS)
        self.rate = nominal_rate(self._stream)
        self.length: int | None = self._announced()

    def __iter__(self) -> Iterator[Frame]:
        clock = Clock(self.rate, discontinuous=self._discontinuous)
        shape = Fraction(self._stream.sample_aspect_ratio or 1)
        index, captured = 0, time.perf_counter()
        for decoded in self._decoded():
            image, turned = upright(decoded)
            yield Frame(
                image,
                index,
                captured,
                f"frame_{index:06d}",
                clock.seconds(decoded),
                _seconds(decoded.duration, decoded),
                1 / shape if turned else shape,
            )
            index, captured = index + 1, time.perf_counter()
        self.length = index
        self._report()

    def close(self) -> None:
        """Closes the file."""
        self._container.close()

    def _announced(self) -> int | None:
        """The number of frames by the header, or by the duration where the header has none."""
        if self._stream.frames:
            return self._stream.frames
        duration = self._container.duration
        return max(1, round(duration / av.time_base * self.rate)) if duration else None

    def _decoded(self) -> Iterator[VideoFrame]:
        """Frames that can be decoded; counts the damaged ones."""
        packets, end = 0, 0.0
        incomplete: set[int | None] = set()
        suspects = IncompletePackets()
        for packet in self._packets():
            packets += bool(packet.size)
            end = max(end, _end(packet))
            if self._discontinuous:
                suspects.add(packet)
            elif packet.is_corrupt:
                incomplete.add(packet.pts)
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                self.missing += 1
                continue
            for frame in frames:
                if frame.is_corrupt or frame.pts in incomplete:
                    self.missing += 1
                else:
                    yield frame
        path = next(iter(self.paths), None)
        self.missing += suspects.count
        self.missing += missing_at_end(self._container, self._stream, packets, end, path)

    def _packets(self) -> Iterator[av.Packet[VideoStream]]:
        """Packets of the video up to the end of the file; passes over what cannot be read."""
        errors = 0
        packets = self._container.demux(self._stream)
        while errors < _MOST_ERRORS:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.error.FFmpegError:
                errors += 1
                packets = self._container.demux(self._stream)
                continue
            errors = 0
            yield packet

    def _report(self) -> None:
        if not self.length:
            raise InputError(
                f"{self._label} holds no frame that can be decoded", _convert(self._label)
            )
        if self.missing:
            total = self.length + self.missing
            raise InputError(
                f"{self.missing} of {total} frames of {self._label} are damaged or missing",
                "copy or record the file again",
            )


class Clock:
    """Turns time stamps into seconds after the first frame.

    Args:
        rate: frames per second where there are no time stamps.
        discontinuous: whether long steps are a break in the stamps, as in joined MPEG-TS files.
    """

    def __init__(self, rate: float, *, discontinuous: bool) -> None:
        self._step = 1 / rate
        self._discontinuous = discontinuous
        self._stamp: float | None = None
        self._time = -self._step

    def seconds(self, frame: VideoFrame) -> float:
        """When a frame is shown, in seconds after the first."""
        stamp = _seconds(frame.pts, frame)
        step = self._step
        if stamp is not None and self._stamp is not None:
            between = stamp - self._stamp
            broken = between <= 0 or (self._discontinuous and between > LONGEST_STEP)
            step = self._step if broken else between
        self._stamp = stamp if stamp is not None else self._stamp
        self._time += step
        return self._time


def open_video(path: Path) -> VideoSource:
    """Opens a video file, whatever bytes its name holds.

    Raises:
        InputError: it cannot be read or is not a video.
    """
    container = opened_container(path)
    try:
        return VideoSource(container, str(path), path)
    except InputError:
        container.close()
        raise


def opened_container(path: Path) -> InputContainer:
    """Opens a video file, whatever bytes its name holds.

    Raises:
        InputError: it cannot be read or is not a video.
    """
    try:
        # FFmpeg keeps a copy of the descriptor. It gets no means of opening another file, so that
        # a playlist neither reads what it names nor waits for more of it.
        with path.open("rb") as file:
            return av.open(
                "fd:",
                options={"fd": str(file.fileno()), "protocol_whitelist": "fd"},
                # Tags in the encoding of an old system.
                metadata_errors="replace",
            )
    except av.error.InvalidDataError as error:
        raise InputError(
            f"{path} is not a video that can be decoded", _convert(str(path))
        ) from error
    except OSError as error:
        raise InputError(
            f"cannot read {path}: {error.strerror}", "check the path and its permissions"
        ) from error
    except av.error.FFmpegError as error:
        raise InputError(
            f"{path} is not a video that can be decoded: {error.strerror}", _convert(str(path))
        ) from error


def video_stream(container: InputContainer, label: str) -> VideoStream:
    """The video stream that a player would show, not a cover of an album.

    Raises:
        InputError: there is none, or no decoder for it.
    """
    stream = container.streams.best("video")
    if not isinstance(stream, VideoStream):
        raise InputError(f"{label} holds no video", "name a file with a video stream")
    if stream.codec_context is None:
        raise InputError(
            f"no decoder for the video in {label}",
            f"convert it to H.264: ffmpeg -i {quote(label)} new.mp4",
        )
    return stream


def _convert(label: str) -> str:
    """The remedy for a video that cannot be decoded."""
    return f"copy or record the file again, or convert it: ffmpeg -i {quote(label)} new.mp4"


def nominal_rate(stream: VideoStream) -> float:
    """Frames per second of a stream, in the mean where they vary."""
    rate = stream.average_rate or stream.guessed_rate
    return float(rate) if rate and 1e-5 < rate <= 1000 else DEFAULT_RATE


def upright(frame: VideoFrame) -> tuple[Image, bool]:
    """The image (H, W, 3) uint8 BGR turned as its file says, and whether sides are swapped."""
    image = np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)
    quarters = round(frame.rotation / 90) % 4
    if not quarters:
        return image, False
    return np.ascontiguousarray(np.rot90(image, quarters)), quarters % 2 == 1


def _end(packet: av.Packet[VideoStream]) -> float:
    """When a packet's frame has been shown, in seconds of the file's clock."""
    if packet.pts is None or packet.time_base is None:
        return 0.0
    return float((packet.pts + (packet.duration or 0)) * packet.time_base)


def _seconds(ticks: int | None, frame: VideoFrame) -> float | None:
    if ticks is None or frame.time_base is None:
        return None
    return float(ticks * frame.time_base)
