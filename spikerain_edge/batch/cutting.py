"""Cuts a video into segments at keyframes, and says which frames each of them has.

The whole video is decoded once. So a segment is known by the time stamps and checksums of its
frames, and a decoder that begins in the middle of the file and returns others is noticed.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from shlex import quote
from typing import TypeVar

import msgspec

from spikerain_edge.batch.manifest import Origin, origin_of
from spikerain_edge.errors import InputError
from spikerain_edge.files import write_whole
from spikerain_edge.images import Image
from spikerain_edge.images.cuts import are_copies
from spikerain_edge.stream.video import open_video

Content = TypeVar("Content")
_PLAN = "plan.json"
# Largest sizes in bytes of the files in a work folder; a frame takes about 60 bytes.
_MOST_BYTES = 1 << 28
# Frames by which a memory of the frame before, and of the pause before it, is the same as after the
# whole video.
_LEAD = 3


class Segment(msgspec.Struct, frozen=True):
    """Frames of a video from a keyframe on.

    Attributes:
        first: number of the first frame in the video that is read.
        lead: number of frames that are read only because a video model remembers them.
        pts: time stamps of its frames, in ticks of the file.
        times: when each is shown, in seconds after the first frame of the video.
        durations: for how long, in seconds; none where it is one tick of the rate.
        checks: CRC-32 of each image, BGR and upright.
    """

    first: int
    lead: int
    pts: list[int]
    times: list[float]
    durations: list[float | None]
    checks: list[int]

    @property
    def length(self) -> int:
        """Number of its frames, without the lead."""
        return len(self.pts) - self.lead

    def last(self, frames: int) -> Segment:
        """A segment that begins with the last frames of this one, as its lead."""
        at = len(self.pts) - frames
        parts = (self.pts[at:], self.times[at:], self.durations[at:], self.checks[at:])
        return Segment(self.first + at, frames, *parts)


class Plan(msgspec.Struct, frozen=True):
    """How a video is cut.

    Attributes:
        origin: size and time of the file.
        settings: digest of the settings that determine the output.
        rate: frames per second, nominal.
        shape: width of a pixel and its height, of upright frames.
        lengths: number of frames of each segment.
    """

    origin: Origin
    settings: str
    rate: float
    shape: tuple[int, int]
    lengths: list[int]

    @property
    def pixel_shape(self) -> Fraction:
        """Width of a pixel divided by its height."""
        return Fraction(*self.shape)


def cut(
    path: Path, frames: int, settings: str, *, lead: bool = False
) -> tuple[Plan, list[Segment]] | None:
    """Cuts a video into segments; None if it must be derained as a whole.

    It must be whole if it is short, damaged, has no second keyframe, or has time stamps that do not
    rise.

    Args:
        path: the video.
        frames: least number of frames of a segment.
        settings: digest of the settings that determine the output.
        lead: segments also have the frames before that a video model remembers.

    Raises:
        InputError: it cannot be opened.
    """
    origin = origin_of(path)
    source = open_video(path)
    try:
        if source.discontinuous or (source.length is not None and source.length < 2 * frames):
            return None
        segments, last, kind, copies = list[Segment](), None, None, _Copies()
        for decoded, frame in source.with_decoded():
            pts = decoded.pts
            if pts is None or frame.time is None or (last is not None and pts <= last):
                return None
            if kind not in (None, (frame.image.shape, frame.pixel_shape)):
                return None
            last, kind = pts, (frame.image.shape, frame.pixel_shape)
            if not segments:
                segments.append(Segment(0, 0, [], [], [], []))
            elif decoded.key_frame and segments[-1].length >= frames and not copies.latest:
                segments.append(segments[-1].last(min(_LEAD, frame.sequence) if lead else 0))
            if lead:
                copies.add(frame.image)
            latest = segments[-1]
            latest.pts.append(pts)
            latest.times.append(frame.time)
            latest.durations.append(frame.duration)
            latest.checks.append(checksum(frame.image))
    except InputError:
        # Whoever derains the whole video reports what is damaged.
        return None
    finally:
        source.close()
    if len(segments) < 2 or kind is None:
        return None
    shape = kind[1].numerator, kind[1].denominator
    lengths = [segment.length for segment in segments]
    return Plan(origin, settings, source.rate, shape, lengths), segments


class _Copies:
    """Whether the latest frame is a copy of the one before.

    What a video model remembers at a copy lies farther back than a lead.
    """

    def __init__(self) -> None:
        self.latest = False
        self._image: Image | None = None

    def add(self, image: Image) -> None:
        """Compares the next frame."""
        self.latest = self._image is not None and are_copies(self._image, image)
        self._image = image


def checksum(image: Image) -> int:
    """The CRC-32 of an image."""
    return zlib.crc32(image.data if image.flags.c_contiguous else image.tobytes())


def save(folder: Path, plan: Plan, segments: Sequence[Segment]) -> None:
    """Writes a plan into a folder; the plan itself comes last and so stands for all.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for number, segment in enumerate(segments):
        write_whole(_segment_path(folder, number), msgspec.json.encode(segment))
    write_whole(folder / _PLAN, msgspec.json.encode(plan))


def saved_plan(folder: Path, origin: Origin, settings: str) -> Plan | None:
    """The plan of an earlier batch, if the video and the settings are the same."""
    plan = _read(folder / _PLAN, Plan)
    if plan is None or plan.origin != origin or plan.settings != settings:
        return None
    return plan


def saved_segment(folder: Path, number: int) -> Segment:
    """A segment of a plan.

    Raises:
        InputError: it is gone or damaged.
    """
    segment = _read(_segment_path(folder, number), Segment)
    if segment is None:
        raise InputError(
            f"{_segment_path(folder, number)} is missing or damaged",
            f"rm -r {quote(str(folder))}, then start again",
        )
    return segment


def _segment_path(folder: Path, number: int) -> Path:
    return folder / f"{number:06d}.json"


def _read(path: Path, kind: type[Content]) -> Content | None:
    try:
        if path.stat().st_size > _MOST_BYTES:
            return None
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError):
        return None
