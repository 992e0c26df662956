"""Tells how many frames a video file lacks at its end."""

from __future__ import annotations

import math
from pathlib import Path

from av.container import InputContainer
from av.video.stream import VideoStream

# Frames by which the end of a track may differ from its announced duration.
_SLACK = 2


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
    return head.startswith(b"RIFF") and path.stat().st_size < 8 + size


def _track_duration(stream: VideoStream) -> float:
    """Seconds that a Matroska track lasts by its tag `DURATION`, 0 where there is none."""
    hours, _, rest = stream.metadata.get("DURATION", "").partition(":")
    minutes, _, seconds = rest.partition(":")
    try:
        duration = int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    except ValueError:
        return 0.0
    return duration if math.isfinite(duration) else 0.0
