"""Collects the images that an export is proven on and those that its scales are chosen on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from spikerain_edge.errors import InputError
from spikerain_edge.images import Image
from spikerain_edge.images.pairs import find_pairs
from spikerain_edge.images.scaling import crop_and_scale
from spikerain_edge.stream.album import MOST, read_album
from spikerain_edge.stream.demo import DemoScene
from spikerain_export.verification import Scene

_Picture = tuple[Image, "Image | None"]
_Found = TypeVar("_Found")
# A second apart, since neighbouring frames are nearly equal.
_DEMO_MOMENTS = (0, 25, 50, 75, 100, 125)
# A street and rain that differ from those of the proof.
_SCALES_SEED = 8


@dataclass(frozen=True)
class Material:
    """The images of an export. No image is used for both purposes.

    Attributes:
        proof: the same rainy scenes at several sizes, with the clean image if it is known.
        scales: rainy images (H, W, 3) uint8 BGR to choose INT8 scales on; empty if not asked for.
        note: what the user should know about the choice; empty if nothing.
    """

    proof: list[list[Scene]]
    scales: list[Image]
    note: str = ""


def gather(data: str | None, sizes: Sequence[tuple[int, int]], *, scales: bool) -> Material:
    """Collects images for an export: every other one for the proof, the rest for the scales.

    Args:
        data: image, folder, glob or folder of pairs; the built-in scene if None. If no clean
            image is known, frames of the built-in scene join the proof.
        sizes: height and width of the scenes; images for scales get the first size.
        scales: whether to keep images for choosing scales; otherwise all go to the proof.

    Raises:
        InputError: there are no images, one cannot be decoded, or `data` is a camera.
    """
    if data is None or data == "demo":
        return _material(_demo(), _other_demo() if scales else [], sizes)
    pictures = _read(data, 2 * MOST if scales else MOST)
    if not scales:
        return _material(_with_truth(pictures), [], sizes)
    if len(pictures) == 1:
        note = (
            f"{data} has one image, which is used to choose the scales; the export is proven on "
            "the built-in scene"
        )
        return _material(_demo(), [rainy for rainy, _ in pictures], sizes, note)
    chosen = [rainy for rainy, _ in pictures[1::2]]
    return _material(_with_truth(pictures[::2]), chosen, sizes)


def _material(
    proof: Sequence[_Picture],
    scales: Sequence[Image],
    sizes: Sequence[tuple[int, int]],
    note: str = "",
) -> Material:
    scenes = [
        [
            Scene(
                crop_and_scale(rainy, *size),
                None if clean is None else crop_and_scale(clean, *size),
            )
            for rainy, clean in proof
        ]
        for size in sizes
    ]
    return Material(scenes, [crop_and_scale(image, *sizes[0]) for image in scales], note)


def _demo() -> list[_Picture]:
    scene = DemoScene()
    return [(scene.rainy(moment), scene.clean(moment)) for moment in _DEMO_MOMENTS]


def _other_demo() -> list[Image]:
    scene = DemoScene(seed=_SCALES_SEED)
    return [scene.rainy(moment) for moment in _DEMO_MOMENTS]


def _with_truth(pictures: Sequence[_Picture]) -> list[_Picture]:
    """Adds frames of the built-in scene if no clean image is known."""
    if any(clean is not None for _, clean in pictures):
        return list(pictures)
    return [*pictures, *_demo()]


def _read(data: str, most: int) -> list[_Picture]:
    """Reads the first images of `data`, with the clean image if they are pairs."""
    pairs = _pairs(Path(data)) if Path(data).is_dir() else []
    if pairs:
        return [_checked(data, read) for read in pairs[:most]]
    return [(picture, None) for picture in read_album(data, "--data", most).images]


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
            f"look at its pairs: spikerain-train prepare {data}",
        ) from error
