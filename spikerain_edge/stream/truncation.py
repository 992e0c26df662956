"""Tells how many frames a video file lacks, at its end or where packets were lost."""

from __future__ import annotations

import math
from bisect import bisect_left
from pathlib import Path

import av
from av import Packet
from av.container import InputContainer
from av.video.stream import VideoStream

# Frames by which the end of a track may differ from its announced duration.
_SLACK = 2


# Packets around the joint of two recordings that are called incomplete there.
_NEAR = 4
# What an AVI says of its size and frames until it is completed, which a pipe never is.
_UNKNOWN_SIZE, _UNKNOWN_FRAMES = 0xFFFFFFFF, 1 << 30
# Seconds that FFmpeg takes for a break in the time stamps of MPEG-TS.
LONGEST_STEP = 10.0


class IncompletePackets:
    """Counts packets of MPEG-TS that lack a part, since nothing in them says how long they are.

    Where two recordings are joined, packets are called incomplete that are whole: they do not
    count.
    """

    def __init__(self) -> None:
        self._seen = 0
        self._sent: float | None = None
        self._incomplete: list[int] = []
        self._joints: list[int] = []

    def add(self, packet: Packet[VideoStream]) -> None:
        """Looks at the next packet of a stream."""
        self._seen += 1
        if packet.is_corrupt:
            self._incomplete.append(self._seen)
        if packet.dts is None or packet.time_base is None:
            return
        sent = float(packet.dts * packet.time_base)
        if self._sent is not None and not 0 <= sent - self._sent <= LONGEST_STEP:
            self._joints.append(self._seen)
        self._sent = sent

    @property
    def count(self) -> int:
        """Number of incomplete packets so far."""
        return sum(not self._is_near_joint(packet) for packet in self._incomplete)

    def _is_near_joint(self, packet: int) -> bool:
        following = bisect_left(self._joints, packet - _NEAR)
        return following < len(self._joints) and self._joints[following] <= packet + _NEAR


def announced_frames(container: InputContainer, stream: VideoStream, rate: float) -> int | None:
    """The number of frames by the header, or by the duration where the header has none.

    Returns None for an AVI that was not completed; what it says of its duration is a guess too.

    Args:
        container: the file.
        stream: its video.
        rate: frames per second of the video.
    """
    if stream.frames:
        return stream.frames if stream.frames < _UNKNOWN_FRAMES else None
    duration = container.duration
    return max(1, round(duration / av.time_base * rate)) if duration else None


def missing_at_end(
    container: InputContainer,
    stream: VideoStream,
    packets: int,
    end: float,
    path: Path | None,
) -> int:
    """Frames that the header announces and that are beyond the end of the file.

    Args:
        container: the file, read to its end.
        stream: its video.
        packets: packets of the video that were read.
        end: when the last of them ends, in seconds of the file's clock.
        path: where it is, if it is a file of this machine.
    """
    formats = container.format.name.split(",")
    if "mp4" in formats:
        # The index lists every packet, also those that an edit hides.
        return max(0, stream.frames - packets)
    if "avi" in formats:
        # The header counts repeated frames too, which are no packets.
        cut_off = path is not None and is_cut_off_avi(path)
        return max(0, stream.frames - packets) if cut_off else 0
    if "matroska" in formats:
        lacking = round((_track_duration(stream) - end) * float(stream.average_rate or 0))
        return lacking if lacking > _SLACK else 0
    return 0


def is_cut_off_avi(path: Path) -> bool:
    """Whether a file is an AVI shorter than it says; its last frame may be a part of one then."""
    with path.open("rb") as file:
        head = file.read(8)
    size = int.from_bytes(head[4:], "little")
    complete = size != _UNKNOWN_SIZE
    return head.startswith(b"RIFF") and complete and path.stat().st_size < 8 + size


def _track_duration(stream: VideoStream) -> float:
    """Seconds that a Matroska track lasts by its tag `DURATION`, 0 where there is none."""
    hours, _, rest = stream.metadata.get("DURATION", "").partition(":")
    minutes, _, seconds = rest.partition(":")
    try:
        duration = int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    except ValueError:
        return 0.0
    return duration if math.isfinite(duration) else 0.0
