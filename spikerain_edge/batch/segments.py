"""Reads, writes and joins the segments of a video."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from shlex import quote

import av
import av.error
from av.video.frame import VideoFrame

from spikerain_edge.batch.cutting import Plan, Segment, checksum, saved_segment
from spikerain_edge.errors import InputError, StreamError
from spikerain_edge.files import partial_name
from spikerain_edge.images import Image
from spikerain_edge.stream.damage import refuse_damaged_jpegs
from spikerain_edge.stream.encoder import CodedFrame, Encoder, frames_in
from spikerain_edge.stream.formats import FORMATS, NUT
from spikerain_edge.stream.frame import Frame
from spikerain_edge.stream.image_sinks import unwritable
from spikerain_edge.stream.video_container import opened_container, video_stream
from spikerain_edge.stream.video_frames import Shown, frame_of
from spikerain_edge.stream.video_sink import CodedVideo, VideoSink

_FULL = "check whether the disk is full"


class OtherFramesError(Exception):
    """A decoder that began at a keyframe returned other frames than one that began the file."""


class SegmentSource:
    """The frames of one segment, each compared with its time stamp and checksum.

    Args:
        path: the video.
        plan: how it is cut.
        segment: which frames to read.
        seek: begin at the keyframe; otherwise at the start of the file, which is slower.

    Attributes:
        lead: the frames before the segment, after the first one of it was read.

    Raises:
        OtherFramesError: while frames are read after seeking: they are not those of the segment.
        InputError: the file has changed.
    """

    live = False
    missing = 0

    def __init__(self, path: Path, plan: Plan, segment: Segment, *, seek: bool) -> None:
        self.rate = plan.rate
        self.length: int | None = segment.length
        self.lead: list[Frame] = []
        self.paths: Sequence[Path] = (path,)
        self._path = path
        self._plan = plan
        self._segment = segment
        self._seek = seek
        self._container = opened_container(path)
        self._stream = video_stream(self._container, str(path))
        refuse_damaged_jpegs(self._stream)

    def __iter__(self) -> Iterator[Frame]:
        segment, captured, index = self._segment, time.perf_counter(), 0
        shape = Fraction(self._stream.sample_aspect_ratio or 1)
        for decoded in self._decoded():
            if decoded.pts is None or decoded.pts < segment.pts[0]:
                continue
            shown = Shown(
                segment.first + index, segment.times[index], segment.durations[index], shape
            )
            frame = frame_of(decoded, shown, captured, str(self._path))
            if decoded.pts != segment.pts[index] or checksum(frame.image) != segment.checks[index]:
                raise self._different()
            if index < segment.lead:
                self.lead.append(frame)
            else:
                yield frame
            captured, index = time.perf_counter(), index + 1
            if index == len(segment.pts):
                return
        raise self._different()

    def close(self) -> None:
        """Closes the file."""
        self._container.close()

    def _decoded(self) -> Iterator[VideoFrame]:
        try:
            if self._seek:
                self._container.seek(self._segment.pts[0], stream=self._stream, backward=True)
            for packet in self._container.demux(self._stream):
                for frame in packet.decode():
                    if isinstance(frame, VideoFrame):
                        yield frame
        except av.error.FFmpegError as error:
            raise self._different() from error

    def _different(self) -> Exception:
        if self._seek:
            return OtherFramesError(str(self._path))
        return InputError(f"{self._path} has changed while it was read", "start again")


class SegmentSink:
    """Codes a segment into a file, which gets its name when all of its frames are in it.

    Args:
        path: file to write.
        suffix: suffix of the video that the segment is a part of.
        rate: frames per second, nominal.
        length: number of frames.
    """

    separate = False

    def __init__(self, path: Path, suffix: str, rate: float, length: int) -> None:
        self.label = str(path)
        self._path = path
        self._video = replace(FORMATS[suffix.lower()], muxer=NUT.muxer, muxing={}, live={})
        self._rate = rate
        self._length = length
        self._partial = partial_name(path)
        self._encoder: Encoder | None = None
        self._frames = 0

    def write(self, frame: Frame, image: Image) -> None:
        """Appends a frame.

        Raises:
            StreamError: the file cannot be written.
        """
        try:
            if self._encoder is None:
                self._encoder = Encoder(
                    f"file:{self._partial}",
                    self._video,
                    self._rate,
                    size=(image.shape[1], image.shape[0]),
                    pixel_shape=frame.pixel_shape,
                    label=self.label,
                )
            self._encoder.write(frame, image)
        except OSError as error:
            raise unwritable(self._path, error) from error
        self._frames += 1

    def close(self) -> None:
        """Gives the file its name, or removes it if frames are missing.

        Raises:
            StreamError: it could not be written to its end.
        """
        encoder, self._encoder = self._encoder, None
        try:
            whole = encoder is not None and encoder.finish()
            if self._frames != self._length:
                return
            if not whole or frames_in(str(self._partial)) != self._length:
                raise StreamError(f"{self._path} could not be completed", _FULL)
            self._partial.replace(self._path)
        except OSError as error:
            raise unwritable(self._path, error) from error
        finally:
            with suppress(OSError):
                self._partial.unlink()


def segment_path(folder: Path, number: int) -> Path:
    """Where the coded frames of a segment are."""
    return folder / f"{number:06d}.nut"


def missing_segments(folder: Path, plan: Plan) -> list[int]:
    """Numbers of the segments that are not there or not whole."""
    return [
        number
        for number, length in enumerate(plan.lengths)
        if frames_in(str(segment_path(folder, number))) != length
    ]


def join(folder: Path, plan: Plan, sink: VideoSink) -> int:
    """Copies all segments into a video, without coding them again.

    Args:
        folder: where the segments are.
        plan: how the video was cut.
        sink: the video; the caller closes it.

    Returns:
        The number of frames.

    Raises:
        StreamError: the video cannot be written.
        InputError: a segment is gone or damaged.
    """
    joined = 0
    for number in range(len(plan.lengths)):
        path, segment = segment_path(folder, number), saved_segment(folder, number)
        try:
            with av.open(f"file:{path}") as container:
                stream = container.streams.video[0]
                video = CodedVideo(
                    (stream.width, stream.height),
                    plan.pixel_shape,
                    stream.codec_context.extradata or b"",
                )
                packets = (packet for packet in container.demux(stream) if packet.size)
                lead = segment.lead
                shown = zip(packets, segment.times[lead:], segment.durations[lead:], strict=True)
                for index, (packet, moment, duration) in enumerate(shown, segment.first + lead):
                    sink.copy(CodedFrame(packet, index, moment, duration), video)
        except (av.error.FFmpegError, IndexError, ValueError) as error:
            raise InputError(
                f"{path} is missing or damaged", f"rm -r {quote(str(folder))}, then start again"
            ) from error
        joined += segment.length
    return joined
