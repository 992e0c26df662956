"""Where frames go: a video file, a folder of PNGs, or numbered images."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import cv2

from spikerain_edge.errors import InputError, StreamError
from spikerain_edge.files import write_whole
from spikerain_edge.images import Image
from spikerain_edge.images.reading import IMAGE_SUFFIXES
from spikerain_edge.stream.frame import Frame

VIDEO_CODECS = {".mp4": "mp4v", ".m4v": "mp4v", ".mov": "mp4v", ".mkv": "mp4v", ".avi": "MJPG"}
_NUMBER = re.compile(r"%\d*d")
_NUMBERED = "put one number into the name, such as img_%04d.png, or name a video or a folder"
_FULL = "look whether the disk is full"
_ELSEWHERE = "name another place with --output, or make room there"
# The longest gap that a video shows at its true length, in seconds.
_LONGEST_GAP = 10.0


class Sink(Protocol):
    """Receives derained frames in order.

    Attributes:
        repeated: pictures written once more in the place of frames that were dropped.
    """

    repeated: int

    def write(self, frame: Frame, image: Image) -> None:
        """Keeps `image`, which is what became of `frame`."""
        ...

    def close(self) -> None:
        """Completes what was written; leaves nothing behind if there was nothing."""
        ...


class FolderSink:
    """Lossless PNGs in a folder, named as their sources.

    Raises:
        StreamError: the folder cannot be made or written.
    """

    repeated = 0

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            self._made = [place for place in (folder, *folder.parents) if not place.exists()]
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(folder, error) from error
        if not os.access(folder, os.W_OK | os.X_OK):
            raise StreamError(f"cannot write into {folder}: permission denied", _ELSEWHERE)

    def write(self, frame: Frame, image: Image) -> None:
        """Writes one PNG."""
        write_image(self._folder / f"{frame.name}.png", image)

    def close(self) -> None:
        """Takes back the folders that were made for nothing; every file is complete already."""
        with suppress(OSError):
            for folder in self._made:
                folder.rmdir()


class PatternSink:
    """Numbered images, such as `img_%04d.png`, or a single image; counts from 0.

    Args:
        pattern: path whose name has one `%d`-like field, or none for a single frame.
        frames: how many will come, where that is known.

    Raises:
        InputError: they cannot all be kept; nothing has been written.
    """

    repeated = 0

    def __init__(self, pattern: Path, frames: int | None = 1) -> None:
        fields = len(_NUMBER.findall(pattern.name))
        if fields > 1:
            raise InputError(f"{pattern} has {fields} fields for a number", _NUMBERED)
        if not fields and frames != 1:
            raise InputError(f"{pattern} can hold one frame only", _NUMBERED)
        self._pattern = pattern
        self._written = 0
        self._folder = FolderSink(pattern.parent)

    def write(self, frame: Frame, image: Image) -> None:
        """Writes one image.

        Raises:
            InputError: a second frame for a name without a number.
        """
        name = self._pattern.name
        if self._written and not _NUMBER.search(name):
            raise InputError(f"{self._pattern} can hold one frame only", _NUMBERED)
        numbered = _NUMBER.sub(lambda field: field[0] % self._written, name, count=1)
        write_image(self._pattern.with_name(numbered), image)
        self._written += 1

    def close(self) -> None:
        """Takes back the folders that were made for nothing; every file is complete already."""
        self._folder.close()


class VideoSink:
    """A video file; it gets its name when it is complete. Odd sides lose their last pixel.

    Players show one picture per tick of the rate, so a picture stays where the frames after it were
    dropped, or a camera's video would play too fast. It stays for ten seconds at most: a stall of
    hours shall not fill the disk.

    Args:
        path: file to write; the suffix chooses container and codec.
        rate: frames per second.

    Raises:
        StreamError: its folder cannot be made or written.
    """

    def __init__(self, path: Path, rate: float) -> None:
        self._path = path
        self._rate = rate
        # FFmpeg takes what is before a colon in a relative path for a protocol.
        self._partial = path.absolute().with_name(f".{path.stem}.partial{path.suffix}")
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)
        self._frames = 0
        self._latest: tuple[int, Image] | None = None
        self._folder = FolderSink(path.parent)
        self.repeated = 0

    def write(self, frame: Frame, image: Image) -> None:
        """Appends a frame, after the picture before it for every number that is missing between.

        Raises:
            InputError: its size is not that of the first.
            StreamError: the file cannot be written.
        """
        height, width = image.shape[:2]
        if self._writer is None:
            self._size = (width, height)
            self._writer = self._open()
        if (width, height) != self._size:
            raise InputError(
                f"{frame.name} is {width}x{height}, the video is {self._size[0]}x{self._size[1]}",
                "give one size with --imgsz WxH, or write into a folder",
            )
        self._fill_gap(frame.sequence)
        self._append(image)
        self._latest = frame.sequence, image

    def close(self) -> None:
        """Completes the file, so that it plays.

        Raises:
            StreamError: it could not be written to its end; what plays of it is kept.
        """
        try:
            if self._writer is not None:
                self._writer.release()
                self._writer = None
                self._complete()
        finally:
            self._folder.close()

    def _fill_gap(self, sequence: int) -> None:
        if self._latest is None:
            return
        number, image = self._latest
        for _ in range(min(sequence - number - 1, int(_LONGEST_GAP * self._rate))):
            self._append(image)
            self.repeated += 1

    def _append(self, image: Image) -> None:
        if self._writer is not None:
            self._writer.write(image)
            self._frames += 1

    def _open(self) -> cv2.VideoWriter:
        codec = cv2.VideoWriter.fourcc(*VIDEO_CODECS[self._path.suffix.lower()])
        writer = cv2.VideoWriter(str(self._partial), codec, self._rate, self._size)
        if not writer.isOpened():
            writer.release()
            with suppress(OSError):
                self._partial.unlink()
            raise StreamError(f"cannot write the video {self._path}", _ELSEWHERE)
        return writer

    def _complete(self) -> None:
        """Gives the file its name, unless the disk was full: OpenCV does not tell."""
        held, whole = _frames_in(self._partial)
        if held == 0:
            with suppress(OSError):
                self._partial.unlink()
            raise StreamError(f"{self._path} could not be completed, nothing of it plays", _FULL)
        if held != self._frames or not whole:
            raise StreamError(
                f"{self._path} could not be completed, {self._partial} holds {held} of "
                f"{self._frames} frames, the last perhaps cut off",
                _FULL,
            )
        try:
            self._partial.replace(self._path)
        except OSError as error:
            raise _unwritable(self._path, error) from error


def open_sink(destination: str, rate: float, frames: int | None = 1) -> Sink:
    """Opens a video file, a folder, a pattern such as `img_%04d.png`, or a single image.

    Args:
        destination: where to; a name without a suffix is a folder.
        rate: frames per second of a video.
        frames: how many will come, where that is known.

    Raises:
        InputError: a suffix that is neither a video's nor an image's, or one image for many frames.
        StreamError: the place cannot be written.
    """
    path = Path(destination)
    suffix = path.suffix.lower()
    if _is_folder(destination):
        return FolderSink(path)
    if suffix in VIDEO_CODECS:
        return VideoSink(path, rate)
    if suffix in IMAGE_SUFFIXES:
        return PatternSink(path, frames)
    raise InputError(
        f"cannot tell what to write from the name {destination!r}",
        f"end it in one of {', '.join([*VIDEO_CODECS, *sorted(IMAGE_SUFFIXES)])}, or in /",
    )


def may_replace(destination: str, file: Path) -> bool:
    """Whether a sink for `destination` writes where `file` is, or into its folder as a whole."""
    path, file = Path(destination).resolve(), file.resolve()
    if _is_folder(destination):
        return path == file.parent
    fields = _NUMBER.search(path.name)
    if fields is None or path.suffix.lower() in VIDEO_CODECS:
        return path == file
    before, after = path.name[: fields.start()], path.name[fields.end() :]
    numbered = re.fullmatch(rf"{re.escape(before)}\d+{re.escape(after)}", file.name)
    return path.parent == file.parent and numbered is not None


def write_image(path: Path, image: Image) -> None:
    """Writes an image file that appears whole or not at all.

    Raises:
        StreamError: it cannot be written.
    """
    packed = _encoded(path, image)
    try:
        write_whole(path, packed)
    except OSError as error:
        raise _unwritable(path, error) from error


def _frames_in(video: Path) -> tuple[int, bool]:
    """How many frames a video holds, and whether the writer came to its end.

    Packets are counted, not decoded, which takes 10 us each instead of a millisecond.
    """
    capture = cv2.VideoCapture(str(video))
    # Backends that cannot hand out packets refuse this, and decode.
    capture.set(cv2.CAP_PROP_FORMAT, -1)
    held = 0
    while capture.grab():
        held += 1
    # The last thing that a writer does is to put the count, or what it follows from, in place.
    whole = capture.get(cv2.CAP_PROP_FRAME_COUNT) > 0
    capture.release()
    return held, whole and not _is_cut_off_avi(video)


def _is_cut_off_avi(video: Path) -> bool:
    """Whether an AVI is shorter than it says, so that its last frame may be a part of one."""
    with video.open("rb") as file:
        head = file.read(8)
    size = int.from_bytes(head[4:], "little")
    return head.startswith(b"RIFF") and video.stat().st_size < 8 + size


def _encoded(path: Path, image: Image) -> bytes:
    try:
        done, packed = cv2.imencode(path.suffix, image)
    except cv2.error:
        done = False
    if not done:
        height, width = image.shape[:2]
        raise StreamError(
            f"cannot write {path}: its format holds no image of {width}x{height}",
            "choose another suffix, such as .png",
        )
    return packed.tobytes()


def _is_folder(destination: str) -> bool:
    path = Path(destination)
    try:
        there = path.is_dir()
    except OSError:
        there = False
    return destination != "" and (there or destination.endswith(os.sep) or not path.suffix)


def _unwritable(place: Path, error: OSError) -> StreamError:
    return StreamError(f"cannot write {place}: {error.strerror}", _ELSEWHERE)
