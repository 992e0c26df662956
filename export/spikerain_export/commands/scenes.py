"""Collects the images that an export is proven on and those that its scales are chosen on."""

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
"""Least number of scenes with a known clean image: with fewer, the verdict is a matter of luck."""
_OF_OTHER_SIZE = 2
_FOR_SCALES = 8
_PROOF_SEED, _OTHER_SEED, _SCALES_SEED = 0, 1, 2


@dataclass(frozen=True)
class Material:
    """The images of an export. No image is used for both purposes.

    Attributes:
        proof: rainy scenes, those of one size together: many of the first size, few of the second.
        scales: rainy images (H, W, 3) uint8 BGR to choose INT8 scales on; empty if not asked for.
        note: what the user should know about the choice; empty if nothing.
    """

    proof: list[list[Scene]]
    scales: list[Image]
    note: str = ""


def gather(
    data: str | None, sizes: Sequence[tuple[int, int]], *, scales: bool, seed: int = _PROOF_SEED
) -> Material:
    """Collects images for an export: every other one for the proof, the rest for the scales.

    Args:
        data: image, folder, glob or folder of pairs; drawn scenes if None. If fewer than 24 have a
            known clean image, drawn scenes join the proof until 24 have.
        sizes: height and width of many scenes, then of a few; images for scales get the first.
        scales: whether to keep images for choosing scales; otherwise all go to the proof.
        seed: draws other scenes.

    Raises:
        InputError: there are no images, one cannot be decoded, or `data` is a camera.
    """
    if data is None or data == "demo":
        drawn = draw_scenes(_FOR_SCALES, sizes[0], _SCALES_SEED) if scales else []
        return Material(_proof([], sizes, seed), [scene.rainy for scene in drawn])
    pictures = _read(data, scales)
    if not scales:
        return Material(_proof(pictures, sizes, seed), [])
    if len(pictures) == 1:
        note = (
            f"{data} has one image, which is used to choose the scales; the export is proven on "
            "the built-in scenes"
        )
        return Material(_proof([], sizes, seed), _for_scales(pictures, sizes[0]), note)
    return Material(_proof(pictures[::2], sizes, seed), _for_scales(pictures[1::2], sizes[0]))


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
    """Reads the first images of `data`, with the clean image if they are pairs."""
    pairs = _pairs(Path(data)) if Path(data).is_dir() else []
    shares = 2 if scales else 1
    if pairs:
        return [_checked(data, read) for read in pairs[: shares * KNOWN]]
    images = read_album(data, "--data", shares * MOST).images
    return [(image, None) for image in images]


def _pairs(folder: Path) -> list[Callable[[], tuple[Image, Image]]]:
    """Lists functions that read one pair each; empty if the folder has no layout of pairs."""

    def found() -> list[Callable[[], tuple[Image, Image]]]:
        return [pair.read for pair in find_pairs(folder) or ()]

    return _checked(str(folder), found)


def _checked(data: str, read: Callable[[], _Found]) -> _Found:
    """Reads pairs, and names the value of `--data` in errors.

    Raises:
        InputError: the pairs cannot be used.
    """
    try:
        return read()
    except InputError as error:
        raise InputError(
            f"cannot use --data {data}: {error.cause}",
            f"look at its pairs: spikerain-train prepare {quote(str(data))}",
        ) from error
