"""Collects the images that verify an export and those that choose how INT8 rounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from shlex import quote
from typing import TypeVar

from spikerain_edge.errors import InputError
from spikerain_edge.images import Image
from spikerain_edge.images.pairs import find_pairs
from spikerain_edge.images.scaling import crop_and_scale
from spikerain_edge.stream.album import MOST, read_album
from spikerain_export.rainy_clips import draw_clips
from spikerain_export.rainy_scenes import draw_scenes
from spikerain_export.truth import Scene

_Found = TypeVar("_Found")
_Draw = Callable[[int, tuple[int, int], int], list[Scene]]
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
        scales: rainy scenes that choose how INT8 rounds; empty if not requested.
        note: a remark on this choice for the user; empty if there is none.
    """

    proof: list[list[Scene]]
    scales: list[Scene]
    note: str = ""


def collect_images(
    data: str | None,
    sizes: Sequence[tuple[int, int]],
    *,
    scales: bool,
    video: bool = False,
    seed: int = _PROOF_SEED,
) -> ExportImages:
    """Collects images for an export: every other one verifies, the rest choose how INT8 rounds.

    Args:
        data: image, folder, glob or folder of pairs; generated scenes if None. If fewer than 24
            have a known clean image, generated scenes are added until 24 have.
        sizes: (height, width) of the many scenes first, then of the few; images for scales get
            the first size.
        scales: whether images are needed to round INT8; otherwise all serve verification.
        video: whether the model also reads the previous frame. Images of `data` count as still,
            unless they are frames of one video.
        seed: seed of the generated scenes.

    Raises:
        InputError: there are no images, an image cannot be decoded, or `data` is a camera.
    """
    draw: _Draw = draw_clips if video else draw_scenes
    if data is None or data == "demo":
        # Scales need as many different scenes as possible.
        various: _Draw = partial(draw_clips, each=1) if video else draw_scenes
        drawn = various(_FOR_SCALES, sizes[0], _SCALES_SEED) if scales else []
        return ExportImages(_proof([], sizes, draw, seed), drawn)
    pictures = _read(data, scales, video)
    if not scales:
        return ExportImages(_proof(pictures, sizes, draw, seed), [])
    if len(pictures) == 1:
        note = (
            f"{data} has only one image: it chooses how INT8 rounds, and the built-in scenes "
            "verify the export"
        )
        return ExportImages(_proof([], sizes, draw, seed), _sized(pictures, sizes[0]), note)
    proof = _proof(pictures[::2], sizes, draw, seed)
    return ExportImages(proof, _sized(pictures[1::2], sizes[0]))


def _proof(
    pictures: Sequence[Scene], sizes: Sequence[tuple[int, int]], draw: _Draw, seed: int
) -> list[list[Scene]]:
    known = sum(scene.clean is not None for scene in pictures)
    first, *others = sizes
    many = [*_sized(pictures, first), *draw(max(0, KNOWN - known), first, seed)]
    few = pictures[:_OF_OTHER_SIZE]
    return [
        many,
        *(_sized(few, size) or draw(_OF_OTHER_SIZE, size, _OTHER_SEED) for size in others),
    ]


def _sized(pictures: Sequence[Scene], size: tuple[int, int]) -> list[Scene]:
    def sized(image: Image | None) -> Image | None:
        return None if image is None else crop_and_scale(image, *size)

    return [
        Scene(crop_and_scale(scene.rainy, *size), sized(scene.clean), sized(scene.previous))
        for scene in pictures
    ]


def _read(data: str, scales: bool, video: bool) -> list[Scene]:
    """Reads the first images of `data`, each with its clean image if `data` holds pairs."""
    pairs = _pairs(Path(data)) if Path(data).is_dir() else []
    shares = 2 if scales else 1
    if pairs:
        scenes = [Scene(*_checked(data, read)) for read in pairs[: shares * KNOWN]]
        return _followed(scenes, scenes) if video else scenes
    album = read_album(data, "--data", shares * MOST)
    scenes = [Scene(image) for image in album.images]
    filmed = len(album.paths) == 1
    before = [scenes[0], *scenes] if filmed else scenes
    return _followed(scenes, before) if video else scenes


def _followed(scenes: Sequence[Scene], before: Sequence[Scene]) -> list[Scene]:
    """Gives each scene its previous frame; a still picture is its own."""
    pairs = zip(scenes, before, strict=False)
    return [replace(scene, previous=earlier.rainy) for scene, earlier in pairs]


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
