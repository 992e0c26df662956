"""The first images of a folder, a glob or a video, held in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from shlex import quote

from spikerain_edge.errors import InputError
from spikerain_edge.images import Image
from spikerain_edge.stream.sources import open_source

MOST = 8
"""Images that are read at most unless told otherwise: all of them run at every size."""


@dataclass(frozen=True)
class Album:
    """The first images of a source.

    Attributes:
        images: (H, W, 3) uint8 BGR each, of any sizes.
        paths: all files of the source.
        length: how many images the source holds; none where it does not say.
    """

    images: list[Image]
    paths: Sequence[Path]
    length: int | None


def read_album(place: str, option: str, most: int = MOST) -> Album:
    """Reads the first images of a place.

    Args:
        place: folder, glob or video.
        option: the option of the command line that named it, for messages.
        most: how many images to read.

    Raises:
        InputError: there are no images, one cannot be decoded, or it is a camera.
        StreamError: reading fails.
    """
    try:
        source = open_source(place)
    except InputError as error:
        raise InputError(error.cause, f"name a folder of images with {option}") from error
    try:
        if source.live:
            raise InputError(f"{place} is a camera", f"name a folder of images with {option}")
        images = [frame.image for frame in islice(source, most)]
        if source.missing:
            raise InputError(
                f"{source.missing} of the pictures in {place} cannot be decoded",
                f"find out which: spikerain-edge run --camera {quote(place)}",
            )
        return Album(images, source.paths, source.length)
    finally:
        source.close()
