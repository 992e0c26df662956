"""Checks a data set before hours are spent on training with it."""

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
    """Smallest, median and largest of a length in pixels."""

    smallest: int
    median: float
    largest: int


@dataclass
class Inspection:
    """The content of a data set, and its problems.

    Attributes:
        layout: the layout in words.
        pairs: number of usable pairs; 0 for a folder of clean images.
        images: number of readable pictures; a picture with a pair side by side counts as two.
        widths: widths of the readable rainy (or only) pictures; None if no picture is readable.
        heights: their heights.
        unpaired: files without a partner.
        unreadable: files that cannot be decoded.
        mismatched: rainy files whose clean picture has another size.
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
        """Writes a line for each kind of problem, with the first files; empty if there is none."""
        classes = {
            "unpaired, add what is missing or remove them": self.unpaired,
            "unreadable, fetch them again or remove them": self.unreadable,
            "rainy and clean of different sizes": self.mismatched,
        }
        lines = [f"{len(files)} {what}: {_few(files)}" for what, files in classes.items() if files]
        if not self.images:
            lines.append("no picture can be used")
        return lines

    def to_dict(self) -> dict[str, Any]:
        """Returns all attributes as `--json` prints them."""
        return {**asdict(self), "usable": not self.problems()}


def inspect(
    folder: Path, rainy_half: Half | None = None, track: TrackPairs = lambda pairs: pairs
) -> Inspection:
    """Reads every picture of a paired data set or of a folder of clean images once.

    Args:
        folder: the data set.
        rainy_half: for side-by-side pictures, see `find_pairs`.
        track: wraps the pairs while they are read, for a progress bar.

    Raises:
        InputError: the folder is missing or has no picture, or two clean pictures have one name.
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
