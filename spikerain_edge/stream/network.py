"""Streams over a network as a source of frames, read by FFmpeg's libraries."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import av.error
from av.container import InputContainer

from spikerain_edge.errors import InputError, StreamError
from spikerain_edge.stream.frame import Arrivals, Frame
from spikerain_edge.stream.video import VideoSource, nominal_rate, upright, video_stream

# Seconds without an answer after which a camera is given up.
_PATIENCE = 10.0
_CHECK = "check the camera and its network, and start again"
# Errors of the reader in a row after which nothing more is expected of a stream.
_MOST_ERRORS = 1000


class StreamSource:
    """A live stream over a network. Frames that arrive damaged are passed over and counted.

    Args:
        container: the opened stream.
        label: what to call it in messages, without password.

    Raises:
        InputError: it holds no video.
        StreamError: it ends.
    """

    live = True
    length: int | None = None
    paths: Sequence[Path] = ()

    def __init__(self, container: InputContainer, label: str) -> None:
        self.missing = 0
        self._label = label
        self._container = container
        self._stream = video_stream(container, label)
        self.rate = nominal_rate(self._stream)

    def __iter__(self) -> Iterator[Frame]:
        index, arrivals = 0, Arrivals(self.rate)
        shape = Fraction(self._stream.sample_aspect_ratio or 1)
        for captured, frame in self._decoded():
            shown, duration = arrivals.add(captured)
            image, turned = upright(frame)
            pixel = 1 / shape if turned else shape
            yield Frame(image, index, captured, f"frame_{index:06d}", shown, duration, pixel)
            index += 1
        raise StreamError(f"{self._label} stopped sending frames after {index}", _CHECK)

    def close(self) -> None:
        """Closes the connection."""
        self._container.close()

    def _decoded(self) -> Iterator[tuple[float, av.VideoFrame]]:
        """Whole frames and when they came."""
        for captured, packet in self._packets():
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                self.missing += 1
                continue
            for frame in frames:
                if frame.is_corrupt or packet.is_corrupt:
                    self.missing += 1
                else:
                    yield captured, frame

    def _packets(self) -> Iterator[tuple[float, av.Packet[av.VideoStream]]]:
        errors = 0
        packets = self._container.demux(self._stream)
        while errors < _MOST_ERRORS:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.error.InvalidDataError:
                errors += 1
                packets = self._container.demux(self._stream)
                continue
            except av.error.ExitError:
                raise StreamError(
                    f"{self._label} has sent nothing for {_PATIENCE:g} seconds",
                    _CHECK,
                ) from None
            except av.error.FFmpegError:
                return
            errors = 0
            yield time.perf_counter(), packet


def open_url(url: str, label: str) -> VideoSource | StreamSource:
    """Opens a stream, or a video or picture that a server holds as a file.

    Args:
        url: any URL that FFmpeg opens.
        label: what to call it in messages, without password.

    Raises:
        InputError: it holds no video.
        StreamError: it cannot be opened.
    """
    container = _connected(url, label)
    try:
        if _is_file(container):
            return VideoSource(container, label)
        return StreamSource(container, label)
    except InputError:
        container.close()
        raise


def _connected(url: str, label: str) -> InputContainer:
    begun = time.perf_counter()
    options = {"rtsp_transport": "tcp"} if url.startswith("rtsp") else {}
    try:
        patience = (_PATIENCE, _PATIENCE)
        return av.open(url, options=options, timeout=patience, metadata_errors="replace")
    except (av.error.FFmpegError, OSError) as error:
        # Whatever was waited for: FFmpeg calls it by different names.
        silent = time.perf_counter() - begun >= _PATIENCE
        reason = f"no answer within {_PATIENCE:g} seconds" if silent else error.strerror
        # The error itself holds the URL with its password.
        raise StreamError(
            f"{label} cannot be opened: {reason}",
            "check that the camera is on, its address, user and password",
        ) from None


def _is_file(container: InputContainer) -> bool:
    """Whether a server holds a whole file: its size is known, or its duration in a playlist."""
    if "hls" in container.format.name:
        return bool(container.duration)
    return container.size > 0
