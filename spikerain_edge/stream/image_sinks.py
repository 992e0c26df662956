"""Images as sinks: a folder of PNGs, numbered images, a single image."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np

from spikerain_edge.errors import InputError, StreamError
from spikerain_edge.files import write_whole
from spikerain_edge.images import Image
from spikerain_edge.images.profiles import with_profile
from spikerain_edge.stream.frame import Frame
from spikerain_edge.stream.names import dated

_log = logging.getLogger(__name__)

NUMBER = re.compile(r"%\d*d")
_NUMBERED = "put one number into the name, such as img_%04d.png, or name a video or a folder"
_TRANSPARENT = {".png", ".tif", ".tiff", ".webp"}
_ELSEWHERE = "name another place with --output, or make room there"


class FolderSink:
    """Lossless PNGs in a folder, named as their sources.

    Args:
        folder: made if it does not exist.
        keep: nothing that exists is replaced: if there are PNGs already, the names of the new ones
            begin with a time stamp.

    Raises:
        StreamError: the folder cannot be made or written.
    """

    separate = True

    def __init__(self, folder: Path, *, keep: bool = False) -> None:
        self.label = str(folder)
        self._folder = folder
        self._prefix = ""
        try:
            if folder.exists() and not folder.is_dir():
                raise StreamError(
                    f"cannot write into {folder}: it is not a folder",
                    "name another place with --output: a folder, or a file such as out.mp4",
                )
            self._made = [place for place in (folder, *folder.parents) if not place.exists()]
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(folder, error) from error
        if not os.access(folder, os.W_OK | os.X_OK):
            raise StreamError(f"cannot write into {folder}: permission denied", _ELSEWHERE)
        if keep and any(folder.glob("*.png")):
            self._prefix = _new_prefix(folder)
            _log.warning("%s has images, the names of new ones begin %s", folder, self._prefix)

    def write(self, frame: Frame, image: Image) -> None:
        """Writes one PNG."""
        path = self._folder / f"{self._prefix}{frame.name}.png"
        write_image(path, with_opacity(frame, image), frame.profile)

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
        keep: no numbered image that exists is replaced: counts on from the highest number.

    Raises:
        InputError: they cannot all be kept; nothing has been written.
    """

    separate = True

    def __init__(self, pattern: Path, frames: int | None = 1, *, keep: bool = False) -> None:
        fields = len(NUMBER.findall(pattern.name))
        if fields > 1:
            raise InputError(f"{pattern} has {fields} fields for a number", _NUMBERED)
        if not fields and frames != 1:
            raise InputError(f"{pattern} can hold one frame only", _NUMBERED)
        self.label = str(pattern)
        self._pattern = pattern
        self._numbered = bool(fields)
        self._folder = FolderSink(pattern.parent)
        self._next = _next_number(pattern) if fields and keep else 0
        if self._next:
            _log.warning("%s goes on at number %d", pattern, self._next)
        self._say_opaque = opaque_notice(pattern)

    def write(self, frame: Frame, image: Image) -> None:
        """Writes one image.

        Raises:
            InputError: a second frame for a name without a number.
        """
        name = self._pattern.name
        if self._next and not self._numbered:
            raise InputError(f"{self._pattern} can hold one frame only", _NUMBERED)
        numbered = NUMBER.sub(lambda field: field[0] % self._next, name, count=1)
        if frame.alpha is not None and self._pattern.suffix.lower() not in _TRANSPARENT:
            self._say_opaque(frame)
        else:
            image = with_opacity(frame, image)
        write_image(self._pattern.with_name(numbered), image, frame.profile)
        self._next += 1

    def close(self) -> None:
        """Takes back the folders that were made for nothing; every file is complete already."""
        self._folder.close()


def numbered_form(pattern: Path) -> re.Pattern[str]:
    """Matches the names of the images of a pattern with one number, which is the first group."""
    before, after = NUMBER.split(pattern.name, maxsplit=1)
    return re.compile(rf"{re.escape(before)}(\d+){re.escape(after)}")


def _new_prefix(folder: Path) -> str:
    """A time stamp with which no name in a folder begins."""
    stamp = dated("%Y%m%d-%H%M%S")
    prefixes = (f"{stamp}_", *(f"{stamp}-{number}_" for number in range(1, 1000)))
    return next(prefix for prefix in prefixes if not any(folder.glob(f"{prefix}*")))


def _next_number(pattern: Path) -> int:
    form = numbered_form(pattern)
    found = (form.fullmatch(path.name) for path in pattern.parent.iterdir())
    return max((int(match[1]) + 1 for match in found if match), default=0)


def write_image(path: Path, image: Image, profile: bytes | None = None) -> None:
    """Writes an image file that appears whole or not at all.

    Args:
        path: its place; the suffix chooses the format.
        image: uint8 (H, W, 3) BGR or (H, W, 4) with opacity.
        profile: ICC profile of its colours, which only PNG keeps.

    Raises:
        StreamError: it cannot be written.
    """
    packed = _encoded(path, image)
    if profile is not None and path.suffix.lower() == ".png":
        packed = with_profile(packed, profile)
    try:
        write_whole(path, packed)
    except OSError as error:
        raise unwritable(path, error) from error


def with_opacity(frame: Frame, image: Image) -> Image:
    """What became of a frame, with its opacity as fourth channel; both halves side by side."""
    if frame.alpha is None:
        return image
    repeats = image.shape[1] // frame.alpha.shape[1]
    return np.dstack([image, np.tile(frame.alpha, (1, repeats))])


def opaque_notice(path: Path) -> Callable[[Frame], None]:
    """What says, once, that a file at `path` cannot be transparent."""
    said: list[str] = []

    def say(frame: Frame) -> None:
        if not said:
            said.append(frame.name)
            _log.warning(
                "%s is transparent, which %s cannot be: write .png to keep it", frame.called, path
            )

    return say


def unwritable(place: Path, error: OSError) -> StreamError:
    """The error for a place that the system does not let be written."""
    return StreamError(f"cannot write {place}: {error.strerror}", _ELSEWHERE)


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
