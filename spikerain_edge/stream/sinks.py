"""Where frames go: a video file, a folder of PNGs, or numbered images."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from spikerain_edge.errors import InputError
from spikerain_edge.images import Image
from spikerain_edge.images.reading import IMAGE_SUFFIXES
from spikerain_edge.stream.formats import VIDEO_SUFFIXES
from spikerain_edge.stream.frame import Frame
from spikerain_edge.stream.image_sinks import NUMBER, FolderSink, PatternSink, numbered_form
from spikerain_edge.stream.names import could_be_made, dated, is_dated
from spikerain_edge.stream.recording import RecordingSink
from spikerain_edge.stream.retention import Limits
from spikerain_edge.stream.uris import without_password
from spikerain_edge.stream.video_sink import VideoSink


class Sink(Protocol):
    """Receives derained frames in order.

    After a StreamError `write` may be called again: with the next frame the sink starts anew.

    Attributes:
        label: what to call it in messages, without password.
        separate: whether each frame has a file of its own, so that one may fail alone.
    """

    label: str
    separate: bool

    def write(self, frame: Frame, image: Image) -> None:
        """Keeps `image`, which is what became of `frame`."""
        ...

    def close(self) -> None:
        """Completes what was written; leaves nothing behind if there was nothing."""
        ...


def open_sink(
    destination: str,
    rate: float,
    frames: int | None = 1,
    *,
    live: bool = False,
    limits: Limits = Limits(),  # noqa: B008 - it cannot be changed
) -> Sink:
    """Opens a video file, a folder, a pattern such as `img_%04d.png`, or a single image.

    Args:
        destination: where to, with time stamps such as %Y%m%d-%H%M%S; a name without a suffix is a
            folder.
        rate: frames per second of a video.
        frames: how many will come, where that is known.
        live: nothing that exists is replaced, and a video plays wherever it breaks off.
        limits: how a video is cut into files, and which older ones are deleted.

    Raises:
        InputError: a suffix that is neither a video's nor an image's, or one image for many frames.
        StreamError: the place cannot be written.
    """
    _require_file(destination)
    if is_video(destination):
        if live or limits.segment is not None or limits.deletes:
            return RecordingSink(Path(destination), rate, limits)
        return VideoSink(Path(dated(destination)), rate)
    place = dated(destination)
    path = Path(place)
    if _is_folder(place):
        return FolderSink(path, keep=live)
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return PatternSink(path, frames, keep=live)
    raise InputError(
        f"cannot tell what to write from the name {destination!r}",
        f"end it in one of {', '.join([*VIDEO_SUFFIXES, *sorted(IMAGE_SUFFIXES)])}, or in /",
    )


def _require_file(destination: str) -> None:
    """Refuses what other programs take for a stream, and would become a folder here.

    Raises:
        InputError: it is standard output, a URL or a device of a camera.
    """
    if destination == "-":
        raise InputError(
            "a video cannot be written to standard output", "name a file, such as out.mp4"
        )
    if "://" in destination or destination.startswith("/dev/video"):
        raise InputError(
            f"cannot send frames to {without_password(destination)}",
            "name a file or a folder with --output",
        )


def is_video(destination: str) -> bool:
    """Whether an output is a video file by its name."""
    return not _is_folder(destination) and Path(destination).suffix.lower() in VIDEO_SUFFIXES


def may_replace(destination: str, file: Path) -> bool:
    """Whether a sink for `destination` writes where `file` is, or into its folder as a whole."""
    path, file = Path(destination).resolve(), file.resolve()
    if _is_folder(destination):
        return path == file.parent
    if is_video(destination) and is_dated(destination) and could_be_made(path, file):
        return True
    if NUMBER.search(path.name) is None or path.suffix.lower() in VIDEO_SUFFIXES:
        return path == file
    numbered = numbered_form(path).fullmatch(file.name)
    return path.parent == file.parent and numbered is not None


def _is_folder(destination: str) -> bool:
    path = Path(destination)
    try:
        there = path.is_dir()
    except OSError:
        there = False
    return destination != "" and (there or destination.endswith(os.sep) or not path.suffix)
