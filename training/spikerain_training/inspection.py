"""Checks a data set before it is used for training."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from spikerain_edge.errors import InputError
from spikerain_edge.images.pairs import find_pairing
from spikerain_edge.images.picture import Half, Pair, Picture
from spikerain_edge.images.reading import image_paths

TrackPairs = Callable[[list[Pair]], Iterable[Pair]]


@dataclass(frozen=True)
class Sizes:
    """Smallest, median and largest width or height in pixels."""

    smallest: int
    median: float
    largest: int


@dataclass
class Inspection:
    """Content and problems of a data set.

    Attributes:
        layout: description of the layout.
        pairs: number of usable pairs; 0 for a folder of clean images.
        images: number of readable images; an image with a pair side by side counts as two.
        widths: widths of the readable rainy images, or of the clean images if there are no pairs;
            None if no image is readable.
        heights: heights of the same images.
        unpaired: files without a partner.
        unreadable: files that cannot be decoded.
        mismatched: rainy files whose clean image has another size.
    """

    layout: str
    pairs: int = 0
    images: int = 0
    widths: Sizes | None = None
    heights: Sizes | None = None
    unpaired: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    mismatched: list[str] = field(default_factory=list)

    def problems(self) -> list[str]:
        """Returns one line per kind of problem, with the first files; empty if all is well."""
        classes = {
            "unpaired, add their partners or remove them": self.unpaired,
            "unreadable, download them again or remove them": self.unreadable,
            "with another size than their clean image, replace or remove them": self.mismatched,
        }
        lines = [f"{len(files)} {what}: {_few(files)}" for what, files in classes.items() if files]
        if not self.images:
            lines.append("no image can be used, add images to the folder")
        return lines

    def to_dict(self) -> dict[str, Any]:
        """Returns all attributes as `prepare --json` prints them."""
        return {**asdict(self), "usable": not self.problems()}


def inspect(
    folder: Path, rainy_half: Half | None = None, track: TrackPairs = lambda pairs: pairs
) -> Inspection:
    """Reads every image of a paired data set or of a folder of clean images once.

    Args:
        folder: the data set.
        rainy_half: the rainy half, if every image holds a pair side by side (see `find_pairs`).
        track: wraps the list of pairs while they are read, for a progress bar.

    Raises:
        InputError: the folder is missing or holds no image, or two clean images have the same
            name.
    """
    pairing = find_pairing(folder, rainy_half)
    if pairing is None:
        alone = [Picture(path) for path in image_paths(folder)]
        pairs, inspection = [Pair(one, one) for one in alone], Inspection("clean images")
    else:
        pairs = list(pairing.pairs)
        unpaired = [str(path) for path in pairing.unpaired]
        inspection = Inspection(pairing.layout, unpaired=unpaired)
    read: dict[Picture, tuple[int, int] | None] = {}
    for pair in track(pairs):
        for picture in (pair.rainy, pair.clean):
            if picture not in read:
                read[picture] = _size(picture)
        _compare(pair, read, inspection)
    inspection.images = sum(size is not None for size in read.values())
    inspection.unreadable = sorted({str(one.path) for one, size in read.items() if size is None})
    sizes = [size for size in (read[pair.rainy] for pair in pairs) if size is not None]
    if sizes:
        inspection.heights, inspection.widths = (
            Sizes(min(sides), median(sides), max(sides)) for sides in zip(*sizes, strict=True)
        )
    return inspection


def _size(picture: Picture) -> tuple[int, int] | None:
    try:
        height, width = picture.read().shape[:2]
    except InputError:
        return None
    return height, width


def _compare(
    pair: Pair, read: dict[Picture, tuple[int, int] | None], inspection: Inspection
) -> None:
    rainy, clean = read[pair.rainy], read[pair.clean]
    if pair.rainy == pair.clean or rainy is None or clean is None:
        return
    if rainy == clean:
        inspection.pairs += 1
    else:
        inspection.mismatched.append(str(pair.rainy.path))


def _few(files: list[str], count: int = 3) -> str:
    more = f" and {len(files) - count} more" if len(files) > count else ""
    return ", ".join(Path(file).name for file in files[:count]) + more
