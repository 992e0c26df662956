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
from spikerain_edge.stream.frame import Frame

_log = logging.getLogger(__name__)

NUMBER = re.compile(r"%\d*d")
_NUMBERED = "put one number into the name, such as img_%04d.png, or name a video or a folder"
_TRANSPARENT = {".png", ".tif", ".tiff", ".webp"}
_ELSEWHERE = "name another place with --output, or make room there"


class FolderSink:
    """Lossless PNGs in a folder, named as their sources.

    Raises:
        StreamError: the folder cannot be made or written.
    """

    separate = True

    def __init__(self, folder: Path) -> None:
        self.label = str(folder)
        self._folder = folder
        try:
            self._made = [place for place in (folder, *folder.parents) if not place.exists()]
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(folder, error) from error
        if not os.access(folder, os.W_OK | os.X_OK):
            raise StreamError(f"cannot write into {folder}: permission denied", _ELSEWHERE)

    def write(self, frame: Frame, image: Image) -> None:
        """Writes one PNG."""
        write_image(self._folder / f"{frame.name}.png", with_opacity(frame, image))

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

    separate = True

    def __init__(self, pattern: Path, frames: int | None = 1) -> None:
        fields = len(NUMBER.findall(pattern.name))
        if fields > 1:
            raise InputError(f"{pattern} has {fields} fields for a number", _NUMBERED)
        if not fields and frames != 1:
            raise InputError(f"{pattern} can hold one frame only", _NUMBERED)
        self.label = str(pattern)
        self._pattern = pattern
        self._written = 0
        self._folder = FolderSink(pattern.parent)
        self._say_opaque = opaque_notice(pattern)

    def write(self, frame: Frame, image: Image) -> None:
        """Writes one image.

        Raises:
            InputError: a second frame for a name without a number.
        """
        name = self._pattern.name
        if self._written and not NUMBER.search(name):
            raise InputError(f"{self._pattern} can hold one frame only", _NUMBERED)
        numbered = NUMBER.sub(lambda field: field[0] % self._written, name, count=1)
        if frame.alpha is not None and self._pattern.suffix.lower() not in _TRANSPARENT:
            self._say_opaque(frame)
        else:
            image = with_opacity(frame, image)
        write_image(self._pattern.with_name(numbered), image)
        self._written += 1

    def close(self) -> None:
        """Takes back the folders that were made for nothing; every file is complete already."""
        self._folder.close()


def write_image(path: Path, image: Image) -> None:
    """Writes an image file that appears whole or not at all.

    Args:
        path: its place; the suffix chooses the format.
        image: uint8 (H, W, 3) BGR or (H, W, 4) with opacity.

    Raises:
        StreamError: it cannot be written.
    """
    packed = _encoded(path, image)
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
                "%s is transparent, which %s cannot be: write .png to keep it", frame.name, path
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
