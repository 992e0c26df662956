"""Video files as a source of frames, decoded by FFmpeg's libraries."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import av.error
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from spikerain_edge.errors import InputError
from spikerain_edge.stream.damage import refuse_damaged_jpegs
from spikerain_edge.stream.frame import Frame
from spikerain_edge.stream.remarks import tell_losses
from spikerain_edge.stream.structure import is_whole
from spikerain_edge.stream.truncation import (
    IncompletePackets,
    announced_frames,
    missing_at_end,
)
from spikerain_edge.stream.video_container import (
    conversion,
    nominal_rate,
    opened_container,
    video_stream,
)
from spikerain_edge.stream.video_frames import Clock, Shown, frame_of, in_seconds

# FFmpeg's flag of formats such as MPEG-TS, whose time stamps may break.
_DISCONTINUOUS = 0x0200
# Errors of the reader in a row after which nothing more is expected of a file.
_MOST_ERRORS = 1000
_AGAIN = "copy or record the file again"


class VideoSource:
    """A video file: every frame that can be decoded, at its own time, upright.

    Args:
        container: the opened file.
        label: what to call it in messages.
        path: where it is, if it is a file of this machine.

    Attributes:
        has_sound: whether the file has a sound track too.
        discontinuous: whether its time stamps may break, as in joined MPEG-TS files.
        pixel_shape: width of a pixel divided by its height, before the frame is turned.

    Raises:
        InputError: the file holds no video; after the last frame: some could not be decoded.
    """

    live = False

    def __init__(self, container: InputContainer, label: str, path: Path | None = None) -> None:
        self.paths: Sequence[Path] = () if path is None else (path,)
        self.missing = 0
        self._broken = False
        self._label = label
        self._container = container
        self._stream = video_stream(container, label)
        refuse_damaged_jpegs(self._stream)
        tell_losses(container, self._stream, label)
        self.has_sound = bool(container.streams.audio)
        self.discontinuous = bool(self._container.format.flags & _DISCONTINUOUS)
        self.pixel_shape = Fraction(self._stream.sample_aspect_ratio or 1)
        self.rate = nominal_rate(self._stream)
        self.length: int | None = announced_frames(container, self._stream, self.rate)

    def __iter__(self) -> Iterator[Frame]:
        return (frame for _, frame in self.with_decoded())

    def with_decoded(self) -> Iterator[tuple[VideoFrame, Frame]]:
        """Yields each frame together with what the decoder returned.

        Raises:
            InputError: after the last frame: some could not be decoded.
        """
        clock = Clock(self.rate, discontinuous=self.discontinuous)
        index, captured = 0, time.perf_counter()
        for decoded in self._decoded():
            shown = Shown(
                index,
                clock.seconds(decoded),
                in_seconds(decoded.duration, decoded),
                self.pixel_shape,
            )
            yield decoded, frame_of(decoded, shown, captured, self._label)
            index, captured = index + 1, time.perf_counter()
        self.length = index
        self._report()

    def close(self) -> None:
        """Closes the file."""
        self._container.close()

    def _decoded(self) -> Iterator[VideoFrame]:
        """Frames that can be decoded; counts the damaged ones."""
        packets, hidden, whole, end = 0, 0, 0, 0.0
        incomplete: set[int | None] = set()
        suspects = IncompletePackets()
        for packet in self._packets():
            packets += bool(packet.size)
            hidden += packet.is_discard
            end = max(end, _end(packet))
            if self.discontinuous:
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
                    whole += 1
                    yield frame
        path = next(iter(self.paths), None)
        self.missing += suspects.count
        self.missing += missing_at_end(self._container, self._stream, packets, end, path)
        self._broken = path is not None and not is_whole(path, self._container.format.name)
        if self._broken:
            self.missing = max(self.missing, (self.length or 0) - whole)
        elif self.missing and "mp4" in self._container.format.name:
            # The decoder also drops frames that depend on damaged ones.
            self.missing = max(self.missing, self._stream.frames - hidden - whole)

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
                f"{self._label} holds no frame that can be decoded", conversion(self._label)
            )
        if self.missing:
            about = "about " if self._broken else ""
            total = self.length + self.missing
            raise InputError(
                f"{about}{self.missing} of {total} frames of {self._label} are damaged or missing",
                _AGAIN,
            )
        if self._broken:
            raise InputError(f"parts of {self._label} are damaged and cannot be read", _AGAIN)


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


def _end(packet: av.Packet[VideoStream]) -> float:
    """When a packet's frame has been shown, in seconds of the file's clock."""
    if packet.pts is None or packet.time_base is None:
        return 0.0
    return float((packet.pts + (packet.duration or 0)) * packet.time_base)
