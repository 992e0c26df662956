"""The sound of a video file, copied beside what became of its frames."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from shlex import quote

import av
import av.error
from av.audio.stream import AudioStream
from av.container import OutputContainer

from spikerain_edge.errors import InputError
from spikerain_edge.stream.video_container import opened_container

_log = logging.getLogger(__name__)


class Sound:
    """The first sound track of a file. Packets are copied as they are.

    Args:
        path: the video file.

    Raises:
        InputError: it cannot be read, or has no sound.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._refused = False
        self._container = opened_container(path)
        stream = self._container.streams.best("audio")
        if not isinstance(stream, AudioStream):
            self._container.close()
            raise InputError(f"{path} has no sound", "name a file with sound")
        self._stream = stream
        video = self._container.streams.best("video")
        self._begins = 0.0
        if video is not None and video.start_time is not None and video.time_base is not None:
            self._begins = float(video.start_time * video.time_base)
        self._packets = self._shifted()
        self._next = next(self._packets, None)
        self._copy: AudioStream | None = None

    def add_to(self, container: OutputContainer) -> bool:
        """Adds the track to a container; whether the container can hold its codec."""
        coder = self._stream.codec_context
        if coder.name not in container.supported_codecs:
            return False
        # FFmpeg does not rewrite the headers of AAC from a stream for AVI.
        if container.format.name == "avi" and coder.name == "aac" and not coder.extradata:
            return False
        self._copy = container.add_stream_from_template(self._stream)
        return True

    def copy_until(self, container: OutputContainer, seconds: float) -> None:
        """Copies what is heard before a moment, in seconds after the first frame.

        Packets that the container refuses, as those of joined files, are left out.

        Raises:
            OSError: a packet cannot be written.
        """
        while self._copy is not None and self._next is not None:
            packet = self._next
            if packet.pts is None or packet.pts * packet.time_base >= seconds:
                return
            self._next = next(self._packets, None)
            packet.stream = self._copy
            try:
                container.mux(packet)
            except av.error.FFmpegError as error:
                if isinstance(error, OSError):
                    raise
                self._tell_refused(error)

    def _tell_refused(self, error: av.error.FFmpegError) -> None:
        if not self._refused:
            _log.warning("parts of the sound of %s are left out: %s", self._path, error.strerror)
        self._refused = True

    def close(self) -> None:
        """Closes the file."""
        self._container.close()

    def _shifted(self) -> Iterator[av.Packet[AudioStream]]:
        """Packets in order, in time after the first frame of the video."""
        try:
            for packet in self._container.demux(self._stream):
                if packet.pts is None or not packet.size or packet.time_base is None:
                    continue
                shift = round(self._begins / packet.time_base)
                packet.pts -= shift
                packet.dts = packet.pts
                if packet.pts >= 0:
                    yield packet
        except av.error.FFmpegError:
            # What cannot be read of the sound is left out; damaged frames are the source's concern.
            return


def tell_lost(source: str, video: str) -> None:
    """Warns that a video is written without the sound of its source, and says how to add it."""
    _log.warning(
        "the sound of %s is not copied; add it: ffmpeg -i %s -i %s -map 0:v -map 1:a -c copy "
        "with_sound.mkv",
        source,
        quote(video),
        quote(source),
    )
