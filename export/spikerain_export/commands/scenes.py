"""Collects the images that verify an export and those that choose its INT8 scales."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import TypeVar

from spikerain_edge.errors import InputError
from spikerain_edge.images import Image
from spikerain_edge.images.pairs import find_pairs
from spikerain_edge.images.scaling import crop_and_scale
from spikerain_edge.stream.album import MOST, read_album
from spikerain_export.rainy_scenes import draw_scenes
from spikerain_export.truth import Scene

_Picture = tuple[Image, "Image | None"]
_Found = TypeVar("_Found")
KNOWN = 24
"""Least number of scenes with a known clean image: with fewer, the verdict depends on chance."""
_OF_OTHER_SIZE = 2
_FOR_SCALES = 8
_PROOF_SEED, _OTHER_SEED, _SCALES_SEED = 0, 1, 2


@dataclass(frozen=True)
class ExportImages:
    """The images of an export. No image serves both purposes.

    Attributes:
        proof: rainy scenes for verification, grouped by size: many of the first size, a few of
            each other size.
        scales: rainy images (H, W, 3) uint8 BGR that choose INT8 scales; empty if not requested.
        note: a remark on this choice for the user; empty if there is none.
    """

    proof: list[list[Scene]]
    scales: list[Image]
    note: str = ""


def collect_images(
    data: str | None, sizes: Sequence[tuple[int, int]], *, scales: bool, seed: int = _PROOF_SEED
) -> ExportImages:
    """Collects images for an export: every other one for verification, the rest for scales.

    Args:
        data: image, folder, glob or folder of pairs; generated scenes if None. If fewer than 24
            have a known clean image, generated scenes are added until 24 have.
        sizes: (height, width) of the many scenes first, then of the few; images for scales get
            the first size.
        scales: whether to keep images for choosing scales; otherwise all serve verification.
        seed: seed of the generated scenes.

    Raises:
        InputError: there are no images, an image cannot be decoded, or `data` is a camera.
    """
    if data is None or data == "demo":
        drawn = draw_scenes(_FOR_SCALES, sizes[0], _SCALES_SEED) if scales else []
        return ExportImages(_proof([], sizes, seed), [scene.rainy for scene in drawn])
    pictures = _read(data, scales)
    if not scales:
        return ExportImages(_proof(pictures, sizes, seed), [])
    if len(pictures) == 1:
        note = (
            f"{data} has only one image: it chooses the INT8 scales, and the built-in scenes "
            "verify the export"
        )
        return ExportImages(_proof([], sizes, seed), _for_scales(pictures, sizes[0]), note)
    return ExportImages(_proof(pictures[::2], sizes, seed), _for_scales(pictures[1::2], sizes[0]))


def _proof(
    pictures: Sequence[_Picture], sizes: Sequence[tuple[int, int]], seed: int
) -> list[list[Scene]]:
    known = sum(clean is not None for _, clean in pictures)
    first, *others = sizes
    many = [*_sized(pictures, first), *draw_scenes(max(0, KNOWN - known), first, seed)]
    few = pictures[:_OF_OTHER_SIZE]
    return [
        many,
        *(_sized(few, size) or draw_scenes(_OF_OTHER_SIZE, size, _OTHER_SEED) for size in others),
    ]


def _sized(pictures: Sequence[_Picture], size: tuple[int, int]) -> list[Scene]:
    return [
        Scene(
            crop_and_scale(rainy, *size),
            None if clean is None else crop_and_scale(clean, *size),
        )
        for rainy, clean in pictures
    ]


def _for_scales(pictures: Sequence[_Picture], size: tuple[int, int]) -> list[Image]:
    return [scene.rainy for scene in _sized(pictures, size)]


def _read(data: str, scales: bool) -> list[_Picture]:
    """Reads the first images of `data`, each with its clean image if `data` holds pairs."""
    pairs = _pairs(Path(data)) if Path(data).is_dir() else []
    shares = 2 if scales else 1
    if pairs:
        return [_checked(data, read) for read in pairs[: shares * KNOWN]]
    images = read_album(data, "--data", shares * MOST).images
    return [(image, None) for image in images]


def _pairs(folder: Path) -> list[Callable[[], tuple[Image, Image]]]:
    """Returns one function per pair that reads it; empty if the folder does not hold pairs."""

    def found() -> list[Callable[[], tuple[Image, Image]]]:
        return [pair.read for pair in find_pairs(folder) or ()]

    return _checked(str(folder), found)


def _checked(data: str, read: Callable[[], _Found]) -> _Found:
    """Calls `read` and adds the value of `--data` to its errors.

    Raises:
        InputError: the pairs cannot be read.
    """
    try:
        return read()
    except InputError as error:
        raise InputError(
            f"cannot use --data {data}: {error.cause}",
            f"check its pairs: spikerain-train prepare {quote(str(data))}",
        ) from error
