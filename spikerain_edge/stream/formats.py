"""How each container of videos is written: codec, pixels, options."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf

from av.video.reformatter import ColorRange


@dataclass(frozen=True)
class VideoFormat:
    """How a container is written.

    Attributes:
        muxer: FFmpeg's name of the container.
        codec: its name of the encoder.
        pixels: its format of pixels.
        range: its range of levels.
        encoding: options of the encoder.
        live_encoding: options of the encoder that differ for a live recording.
        muxing: options of the container for a file that gets its name when it is complete.
        live: options of the container for a file or stream that may break off at any moment.
        longest_gap: seconds that it can show one frame for.
        longest_file: seconds after which a live recording begins a new file, since the index is
            kept in memory until the end.
        ticks: whether it knows no times, only ticks of the frame rate.
    """

    muxer: str
    codec: str
    pixels: str
    range: ColorRange
    encoding: dict[str, str]
    muxing: dict[str, str] = field(default_factory=dict)
    live: dict[str, str] = field(default_factory=dict)
    live_encoding: dict[str, str] = field(default_factory=dict)
    longest_gap: float = 21_600
    longest_file: float = inf
    ticks: bool = False


# Without looking ahead each frame is in the file as soon as it is written.
_H264 = {"preset": "veryfast", "tune": "zerolatency", "crf": "12", "g": "50"}
# What is recorded for weeks takes less space, at a little loss.
_SMALLER = {"crf": "14"}
_JPEG = {"qmin": "2", "qmax": "2"}
# Every packet is handed to the system as soon as it is there.
_AT_ONCE = {"flush_packets": "1"}
# An index of the fragments at the end would be kept in memory until then: 3.5 MB for each day.
_FRAGMENTS = {
    "movflags": "frag_keyframe+empty_moov+default_base_moof+skip_trailer",
    "frag_duration": "1000000",
    **_AT_ONCE,
}
_CLUSTERS = {"cluster_time_limit": "1000"}


# Seconds; the index of a day takes 2 MB.
_DAY = 86_400


def _h264(
    muxer: str, muxing: dict[str, str], live: dict[str, str], *, longest_file: float = inf
) -> VideoFormat:
    return VideoFormat(
        muxer,
        "libx264",
        "yuv420p",
        ColorRange.MPEG,
        _H264,
        muxing,
        live,
        _SMALLER,
        longest_file=longest_file,
    )


# Fragments that play after a crash, joined into one index at the end.
_JOINED = {"movflags": "hybrid_fragmented"}
_MP4 = _h264("mp4", _JOINED, _FRAGMENTS)
MPEGTS = _h264("mpegts", {}, _AT_ONCE)
# Keeps times and the codec's parameters, and needs neither an end nor positions.
NUT = _h264("nut", {}, _AT_ONCE)
LOOPBACK = VideoFormat("v4l2", "rawvideo", "yuv420p", ColorRange.MPEG, {})
FORMATS = {
    ".mp4": _MP4,
    ".m4v": _MP4,
    ".mov": _h264("mov", _JOINED, _FRAGMENTS),
    ".mkv": _h264("matroska", _CLUSTERS, {**_CLUSTERS, **_AT_ONCE}, longest_file=_DAY),
    ".ts": MPEGTS,
    # AVI stores a gap tick by tick: a stall of hours must not fill the disk.
    ".avi": VideoFormat(
        "avi",
        "mjpeg",
        "yuvj420p",
        ColorRange.JPEG,
        _JPEG,
        live=_AT_ONCE,
        longest_gap=10,
        ticks=True,
    ),
}
VIDEO_SUFFIXES = tuple(FORMATS)
