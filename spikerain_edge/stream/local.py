"""Opens what a path means: an image, a video, a folder or a pattern of images."""

from __future__ import annotations

import glob
import logging
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from spikerain_edge.errors import InputError
from spikerain_edge.images.formats import format_of_file
from spikerain_edge.images.reading import IMAGE_SUFFIXES
from spikerain_edge.stream.stills import ImageSource
from spikerain_edge.stream.video import VideoSource, open_video

_log = logging.getLogger(__name__)

# Number of files that a message names.
_NAMED = 3
_SUFFIXES = f"images end in {', '.join(sorted(IMAGE_SUFFIXES))}"


def open_files(path: str) -> ImageSource | VideoSource:
    """Opens an image, a video, the images of a folder, or those that match a pattern.

    In a pattern, `**` stands for any number of folders. Images come in natural order: 2 before 10.

    Args:
        path: of a file or folder, or a pattern where there is none of this name.

    Raises:
        InputError: there is nothing to read.
        OSError: a folder cannot be read.
    """
    place = Path(path)
    if path and place.is_dir():
        return _images(place.iterdir(), f"the folder {path} holds no images")
    if place.is_file():
        return _one_file(place)
    if glob.has_magic(path):
        return _images(_matches(path), f"no image matches {path}")
    if path and place.exists():
        raise InputError(
            f"{path} is a pipe or a device, not a file", "write what it sends into a file first"
        )
    raise InputError(
        f"{path or repr(path)} does not exist",
        "give demo, a camera number, /dev/videoN, a video, an image, a folder, a glob or a URL",
    )


def _one_file(place: Path) -> ImageSource | VideoSource:
    """Opens a file by its content: a video may have the name of an image."""
    if not place.stat().st_size:
        raise InputError(f"{place} is empty", "copy or record the file again")
    if not is_candidate(place):
        return open_video(place)
    if format_of_file(place) is None:
        with suppress(InputError):
            return open_video(place)
    return ImageSource([place])


def natural_order(path: Path) -> tuple[list[tuple[str, int]], str]:
    """A key that sorts paths as people count: `img_2` before `img_10`."""
    chunks = re.findall(r"([^0-9]*)([0-9]*)", str(path))
    return [(text, int(number or -1)) for text, number in chunks], str(path)


def _matches(pattern: str) -> list[Path]:
    """The files that match a pattern, each once: a link may lead back to a folder above it."""
    folder, rest = Path(), Path(pattern).parts
    # Brackets in the name of a folder that exists stand for themselves.
    while rest and (folder / rest[0]).exists():
        folder, rest = folder / rest[0], rest[1:]
    pattern = str(Path(glob.escape(str(folder)), *rest))
    found: dict[tuple[str, str], Path] = {}
    for path in sorted(
        map(Path, glob.glob(pattern, recursive=True)), key=lambda one: len(one.parts)
    ):
        found.setdefault((os.path.realpath(path.parent), path.name), path)
    return list(found.values())


def _images(entries: Iterable[Path], otherwise: str) -> ImageSource:
    """The images among the entries of a folder; says what is passed over.

    Raises:
        InputError: there are none; says `otherwise`.
    """
    files = [entry for entry in entries if not entry.is_dir()]
    images = [entry for entry in files if is_candidate(entry)]
    if not images:
        raise InputError(otherwise, _SUFFIXES)
    _tell_passed_over(sorted(set(files) - set(images), key=natural_order))
    return ImageSource(sorted(images, key=natural_order))


def is_candidate(path: Path) -> bool:
    """Whether a path is an image by its name or by its content, or a dead link of such a name.

    Names that begin with `._` are notes of macOS about a file.
    """
    if path.name.startswith("._"):
        return False
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return path.is_file() or (path.is_symlink() and not path.exists())
    return path.is_file() and format_of_file(path) is not None


def _tell_passed_over(paths: list[Path]) -> None:
    if not paths:
        return
    named = ", ".join(path.name for path in paths[:_NAMED])
    more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
    _log.warning("passed over, not images: %s%s", named, more)
