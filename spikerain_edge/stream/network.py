"""Streams over a network as a source of frames, read by FFmpeg's libraries."""

from __future__ import annotations

import errno
import time
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import av.error
from av.container import InputContainer

from spikerain_edge.errors import InputError, StreamError
from spikerain_edge.stream.capture_options import CaptureOptions, RtspTransport
from spikerain_edge.stream.connector import Connector, Shot
from spikerain_edge.stream.damage import Wholeness, refuse_damaged_jpegs
from spikerain_edge.stream.live import LiveSource
from spikerain_edge.stream.reasons import check_host, no_answer, not_opened
from spikerain_edge.stream.stream_clock import StreamClock
from spikerain_edge.stream.video import VideoSource
from spikerain_edge.stream.video_container import nominal_rate, video_stream
from spikerain_edge.stream.video_frames import upright

# FFmpeg's flag of formats whose time stamps are counted, not read.
_NO_CLOCK = 0x0080
# Errors of the reader in a row after which nothing more is expected of a stream.
_MOST_ERRORS = 1000
# What FFmpeg says of a connection that the server has closed.
_CLOSED = (errno.EIO, errno.ECONNRESET, errno.EPIPE)
# Microseconds of a live stream that FFmpeg looks at before it hands out the first frame.
_ANALYSED = "2000000"


class StreamConnection:
    """A live stream over a network, until it is lost.

    Args:
        container: the opened stream.
        label: what to call it in messages, without password.
        patience: seconds without a good frame after which it is lost.
        lossy: whether packets may be lost unnoticed.

    Attributes:
        container: the opened stream.
        rate: frames per second, nominal.

    Raises:
        InputError: it holds no video.
    """

    def __init__(
        self,
        container: InputContainer,
        label: str,
        patience: float,
        *,
        lossy: bool = False,
    ) -> None:
        self._label = label
        self._patience = patience
        self.container = container
        try:
            self._stream = video_stream(container, label)
        except InputError:
            container.close()
            raise
        refuse_damaged_jpegs(self._stream)
        self._wholeness = Wholeness(self._stream, lossy=lossy)
        self._has_clock = not int(container.format.flags) & _NO_CLOCK
        self.rate = nominal_rate(self._stream)

    def shots(self) -> Iterator[Shot | None]:
        """Pictures as they come; none for each that arrives damaged.

        Raises:
            StreamError: no good picture for too long, or the connection is lost.
        """
        clock, shape = StreamClock(), Fraction(self._stream.sample_aspect_ratio or 1)
        latest = time.perf_counter()
        for arrival, packet in self._packets():
            for frame in self._decoded(packet):
                if frame is None:
                    yield None
                    continue
                image, turned = upright(frame)
                captured = clock.captured(frame.time if self._has_clock else None, arrival)
                yield Shot(image, captured, 1 / shape if turned else shape)
                latest = time.perf_counter()
            if arrival - latest > self._patience:
                raise StreamError(
                    f"{self._label} has sent no good frame for {self._patience:g} seconds", ""
                )

    def close(self) -> None:
        """Closes the connection."""
        self.container.close()

    def _packets(self) -> Iterator[tuple[float, av.Packet[Any]]]:
        """Packets and when they came.

        Those of sound are among them: sound alone must not keep a camera without pictures alive.
        """
        errors, begun = 0, time.perf_counter()
        packets = self.container.demux()
        while errors < _MOST_ERRORS:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.error.InvalidDataError:
                errors += 1
                packets = self.container.demux()
                continue
            except av.error.ExitError:
                raise self._silence() from None
            except av.error.FFmpegError as error:
                if error.errno in _CLOSED:
                    return
                raise StreamError(f"{self._label} is lost: {error.strerror}", "") from None
            arrival = time.perf_counter()
            # After a time-out FFmpeg first hands out what it has kept, as if nothing had happened.
            if arrival - begun >= self._patience:
                raise self._silence()
            errors = 0
            yield arrival, packet
            begun = time.perf_counter()

    def _decoded(self, packet: av.Packet[Any]) -> Iterator[av.VideoFrame | None]:
        """Whole frames of a packet of the video; none for each that is damaged."""
        if packet.stream is not self._stream:
            return
        self._wholeness.arrived(packet)
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            self._wholeness.lost()
            yield None
            return
        for frame in frames:
            yield frame if self._wholeness.check(frame, packet) else None

    def _silence(self) -> StreamError:
        return StreamError(f"{self._label} has sent nothing for {self._patience:g} seconds", "")


def open_url(url: str, label: str, options: CaptureOptions) -> VideoSource | LiveSource:
    """Opens a stream, or a video or picture that a server holds as a file.

    Args:
        url: any URL that FFmpeg opens.
        label: what to call it in messages, without password.
        options: how it is opened and watched.

    Raises:
        InputError: it holds no video.
        StreamError: it cannot be opened.
    """

    def connect() -> StreamConnection:
        container = _connected(url, label, options)
        by_udp = options.rtsp_transport is RtspTransport.UDP
        lossy = url.startswith("rtp:") or (url.startswith("rtsp") and by_udp)
        return StreamConnection(container, label, options.stall_timeout, lossy=lossy)

    connector = Connector(connect, label, options.stall_timeout)
    connection = connector.first(wait=options.wait_for_camera)
    if _is_file(connection.container):
        return VideoSource(connection.container, label)
    return LiveSource(connection, connector, options.stall_timeout)


def _connected(url: str, label: str, options: CaptureOptions) -> InputContainer:
    begun, patience = time.perf_counter(), options.stall_timeout
    check_host(url, label)
    settings = {"analyzeduration": _ANALYSED}
    if url.startswith("udp"):
        # A burst that is too long costs pictures, not the stream.
        settings["overrun_nonfatal"] = "1"
    if url.startswith("rtsp"):
        settings["rtsp_transport"] = options.rtsp_transport.value
    try:
        container = av.open(
            url, options=settings, timeout=(patience, patience), metadata_errors="replace"
        )
    except av.error.FFmpegError as error:
        silent = time.perf_counter() - begun >= patience
        # The error itself holds the URL with its password.
        raise (no_answer(label, patience) if silent else not_opened(error, label)) from None
    if time.perf_counter() - begun >= patience:
        container.close()
        raise no_answer(label, patience)
    return container


def _is_file(container: InputContainer) -> bool:
    """Whether a server holds a whole file: its size is known, or its duration in a playlist."""
    if "hls" in container.format.name:
        return bool(container.duration)
    return container.size > 0
