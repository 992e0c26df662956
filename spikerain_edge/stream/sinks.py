"""Where frames go: files, folders, standard output, servers, devices, programs."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from spikerain_edge.errors import InputError
from spikerain_edge.files import resolved
from spikerain_edge.images import Image
from spikerain_edge.images.reading import IMAGE_SUFFIXES
from spikerain_edge.stream.credentials import with_credentials
from spikerain_edge.stream.formats import VIDEO_SUFFIXES
from spikerain_edge.stream.frame import Frame
from spikerain_edge.stream.image_sinks import NUMBER, FolderSink, PatternSink, numbered_form
from spikerain_edge.stream.names import could_be_made, dated, is_dated
from spikerain_edge.stream.receiver_sink import NullSink, ReceiverSink
from spikerain_edge.stream.receivers import (
    gstreamer,
    loopback_device,
    named_pipe,
    rtsp_server,
    standard_output,
)
from spikerain_edge.stream.recording import RecordingSink
from spikerain_edge.stream.retention import Limits
from spikerain_edge.stream.uris import local_path, without_password
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
    output_format: str = "mpegts",
    sound: Path | None = None,
) -> Sink:
    """Opens a video file, a folder, images, standard output, a server, a device or a program.

    Args:
        destination: a path, with time stamps such as %Y%m%d-%H%M%S (without a suffix it is a
            folder), `-`, `null`, `/dev/videoN` or a URL.
        rate: frames per second of a video.
        frames: how many will come, where that is known.
        live: nothing that exists is replaced, and a video plays wherever it breaks off.
        limits: how a video is cut into files, and which older ones are deleted.
        output_format: what standard output gets; see `receivers.standard_output`.
        sound: a file whose sound is copied into a video where its container can hold it.

    Raises:
        InputError: a suffix that is neither a video's nor an image's, one image for many frames, an
            unknown scheme or format, a device or program that is not there.
        StreamError: the place cannot be written.
    """
    receiver = _receiver(destination, rate, output_format)
    if receiver is not None:
        return receiver
    destination = local_path(destination) or ""
    if is_video(destination):
        if live or limits.segment is not None or limits.deletes:
            return RecordingSink(Path(destination), rate, limits)
        return VideoSink(Path(dated(destination)), rate, sound)
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


def is_stream(destination: str) -> bool:
    """Whether an output is no file or folder of this machine."""
    device = destination.removeprefix("v4l2://").startswith("/dev/video")
    stream = destination == "-" or device or is_null(destination)
    return stream or local_path(destination) is None


def is_null(destination: str) -> bool:
    """Whether an output keeps nothing."""
    return destination == "null" and not Path(destination).exists()


def _receiver(destination: str, rate: float, output_format: str) -> Sink | None:
    """The sink of what is no regular file; None for files and folders."""
    shown = without_password(destination)
    path = Path(local_path(destination) or "")
    if not is_stream(destination):
        if path.suffix.lower() in VIDEO_SUFFIXES and _is_pipe(path):
            return ReceiverSink(shown, named_pipe(path, rate))
        return None
    scheme, _, rest = destination.partition("://")
    if destination == "-":
        return ReceiverSink(shown, standard_output(output_format, rate), returns=False)
    if scheme == "null":
        return NullSink()
    if scheme in {"rtsp", "rtsps"}:
        return ReceiverSink(shown, rtsp_server(with_credentials(destination), shown, rate))
    if scheme == "gst":
        return ReceiverSink(shown, gstreamer(rest, shown, rate))
    if scheme == "v4l2" or not rest:
        return ReceiverSink(shown, loopback_device(str(path), rate))
    raise InputError(
        f"cannot send frames to {scheme}:// ({shown})",
        "give a file, a folder, -, null, /dev/videoN, rtsp://HOST/PATH or gst://PIPELINE",
    )


def is_video(destination: str) -> bool:
    """Whether an output is a video file by its name."""
    path = local_path(destination)
    suffix = Path(path or "").suffix.lower()
    return not is_stream(destination) and not _is_folder(path or "") and suffix in VIDEO_SUFFIXES


def may_replace(destination: str, file: Path) -> bool:
    """Whether a sink for `destination` writes where `file` is, or into its folder as a whole."""
    if is_stream(destination):
        return False
    destination = local_path(destination) or ""
    path, file = resolved(Path(destination)), resolved(file)
    if _is_folder(destination):
        return path == file.parent
    if is_video(destination) and is_dated(destination) and could_be_made(path, file):
        return True
    if NUMBER.search(path.name) is None or path.suffix.lower() in VIDEO_SUFFIXES:
        return path == file
    numbered = numbered_form(path).fullmatch(file.name)
    return path.parent == file.parent and numbered is not None


def _is_pipe(path: Path) -> bool:
    with suppress(OSError):
        return path.is_fifo() or path.is_char_device()
    return False


def _is_folder(destination: str) -> bool:
    path = Path(destination)
    try:
        there = path.is_dir()
    except OSError:
        there = False
    return destination != "" and (there or destination.endswith(os.sep) or not path.suffix)
