"""Opens video files and finds the video in them, by FFmpeg's libraries."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

import av
import av.error
from av.container import InputContainer
from av.video.stream import VideoStream

from spikerain_edge.errors import InputError
from spikerain_edge.stream.frame import DEFAULT_RATE
from spikerain_edge.stream.remarks import is_cover


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
            f"{path} is not a video that can be decoded", conversion(str(path))
        ) from error
    except OSError as error:
        raise InputError(
            f"cannot read {path}: {error.strerror}", "check the path and its permissions"
        ) from error
    except av.error.FFmpegError as error:
        raise InputError(
            f"{path} is not a video that can be decoded: {error.strerror}", conversion(str(path))
        ) from error


def video_stream(container: InputContainer, label: str) -> VideoStream:
    """The video stream that a player would show, not a cover of an album.

    Raises:
        InputError: there is none, or no decoder for it.
    """
    stream = container.streams.best("video")
    if not isinstance(stream, VideoStream):
        raise InputError(f"{label} holds no video", "name a file with a video stream")
    if is_cover(stream):
        raise InputError(
            f"{label} holds no video but a cover picture", "name a file with a video stream"
        )
    if stream.codec_context is None:
        raise InputError(
            f"no decoder for the video in {label}",
            f"convert it to H.264: ffmpeg -i {quote(label)} new.mp4",
        )
    return stream


def conversion(label: str) -> str:
    """The remedy for a video that cannot be decoded."""
    return f"copy or record the file again, or convert it: ffmpeg -i {quote(label)} new.mp4"


def nominal_rate(stream: VideoStream) -> float:
    """Frames per second of a stream, in the mean where they vary."""
    rate = stream.average_rate or stream.guessed_rate
    return float(rate) if rate and 1e-5 < rate <= 1000 else DEFAULT_RATE
