"""Opens what a path means: an image, a video, a folder or a pattern of images."""

from __future__ import annotations

import glob
import logging
import re
from collections.abc import Iterable
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
        return ImageSource([place]) if _is_candidate(place) else open_video(place)
    if glob.has_magic(path):
        matches = map(Path, glob.glob(path, recursive=True))
        return _images(matches, f"no image matches {path}")
    raise InputError(
        f"there is no file or folder {path}",
        "give demo, a camera number, /dev/videoN, a video, an image, a folder, a glob or a URL",
    )


def natural_order(path: Path) -> tuple[list[tuple[str, int]], str]:
    """A key that sorts paths as people count: `img_2` before `img_10`."""
    chunks = re.findall(r"([^0-9]*)([0-9]*)", str(path))
    return [(text, int(number or -1)) for text, number in chunks], str(path)


def _images(entries: Iterable[Path], otherwise: str) -> ImageSource:
    """The images among the entries of a folder; says what is passed over.

    Raises:
        InputError: there are none; says `otherwise`.
    """
    files = [entry for entry in entries if not entry.is_dir()]
    images = [entry for entry in files if _is_candidate(entry)]
    if not images:
        raise InputError(otherwise, _SUFFIXES)
    _tell_passed_over(sorted(set(files) - set(images), key=natural_order))
    return ImageSource(sorted(images, key=natural_order))


def _is_candidate(path: Path) -> bool:
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
