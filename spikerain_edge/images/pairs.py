"""Finds the rainy and clean halves of a data set in the layouts that data sets come in.

- Two folders, `input|rain|rainy|rainy_image|data` beside `target|norain|gt|ground_truth|clean`,
  pictures matched by name: the same stem (Rain100, Rain800), a known prefix or suffix (`rain-001`,
  `001_clean`, `001gt` in SPA-Data), one clean picture for many rainy ones (`901_1` to `901_14` and
  `901` in Rain1400) or `1x2` and `1` (Rain200).
- A folder of rainy pictures inside the folder of the clean ones: `rainy/rain-001.png` and
  `norain-001.png` (Rain100 as PReNet hands it on).
- One folder with both: `rain-001.png` and `norain-001.png` (Rain12, Rain100).
- One list file: lines of two paths, rainy then clean, below the list's folder (SPA-Data).
- One picture that holds both side by side (Rain800, Rain1200); only when asked for, since which
  half is which cannot be told from the file, and only where the halves are alike.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from spikerain_edge.errors import InputError
from spikerain_edge.images import Image
from spikerain_edge.images.reading import IMAGE_SUFFIXES, image_paths, read_image
from spikerain_edge.images.side_by_side import require_alike

Half = Literal["left", "right"]

RAINY_FOLDERS = ("input", "rain", "rainy", "rainy_image", "rainy_images", "rain_image", "data")
CLEAN_FOLDERS = ("target", "norain", "gt", "clean", "groundtruth", "ground_truth")
_CLEAN_WORDS = r"norain|no_rain|clean|target|gt"
_RAINY_WORDS = r"rainy|rain|input"
_CLEAN_NAME = re.compile(
    rf"^(?:{_CLEAN_WORDS})[-_]|[-_](?:{_CLEAN_WORDS})$|(?<=\d)gt$", re.IGNORECASE
)
_RAINY_NAME = re.compile(rf"^(?:{_RAINY_WORDS})[-_]|[-_](?:{_RAINY_WORDS})$", re.IGNORECASE)
_VARIATION = re.compile(r"x\d+$|_\d+$", re.IGNORECASE)


@dataclass(frozen=True)
class Picture:
    """A picture file of a data set, or one half of it.

    Attributes:
        path: the file.
        half: which half to take; the whole file unless given. Odd widths lose the middle column.
    """

    path: Path
    half: Half | None = None

    def read(self) -> Image:
        """The picture as (H, W, 3) uint8 BGR.

        Raises:
            InputError: the file is missing or cannot be decoded.
        """
        others = f"list all such files: spikerain-train prepare {self.path.parent}"
        image = read_image(self.path, others)
        width = image.shape[1] // 2
        if self.half is None:
            return image
        return image[:, :width] if self.half == "left" else image[:, -width:]


@dataclass(frozen=True)
class Pair:
    """A rainy picture and the same scene without rain."""

    rainy: Picture
    clean: Picture

    def read(self) -> tuple[Image, Image]:
        """Rainy and clean, each (H, W, 3) uint8 BGR of the same size.

        Raises:
            InputError: a file is missing or cannot be decoded, or the sizes differ.
        """
        rainy, clean = self.rainy.read(), self.clean.read()
        if rainy.shape != clean.shape:
            raise InputError(
                f"{self.rainy.path} is {size_text(rainy)} but "
                f"{self.clean.path} is {size_text(clean)}",
                "find all of them: spikerain-train prepare FOLDER",
            )
        return rainy, clean


@dataclass(frozen=True)
class Pairing:
    """What a folder holds.

    Attributes:
        layout: the layout in words.
        pairs: sorted by the name of the rainy file.
        unpaired: pictures that no pair uses, or list entries without a file.
    """

    layout: str
    pairs: tuple[Pair, ...]
    unpaired: tuple[Path, ...] = ()


def size_text(image: Image) -> str:
    """The size of an image as text, such as `481x321`: width x height."""
    return f"{image.shape[1]}x{image.shape[0]}"


def find_pairs(folder: Path, rainy_half: Half | None = None) -> tuple[Pair, ...] | None:
    """The pairs of a folder, unpaired pictures left out; none where it has no layout of pairs.

    Args:
        folder: see the module for the layouts.
        rainy_half: every picture holds both; this half of it is the rainy one.

    Raises:
        InputError: there is no such folder, it holds no picture, nothing in its layout of pairs
            matches, or its pictures do not hold the halves that are asked for.
    """
    pairing = usable_pairing(folder, rainy_half)
    return None if pairing is None else pairing.pairs


def usable_pairing(folder: Path, rainy_half: Half | None = None) -> Pairing | None:
    """What `find_pairing` finds, at least one pair; none where the folder has no layout of pairs.

    Raises:
        InputError: there is no such folder, it holds no picture, nothing in its layout of pairs
            matches, or its pictures do not hold the halves that are asked for.
    """
    pairing = find_pairing(folder, rainy_half)
    if pairing is not None and not pairing.pairs:
        raise InputError(
            f"no names match in {folder} ({pairing.layout})",
            f"see what is unpaired: spikerain-train prepare {folder}",
        )
    return pairing


def find_pairing(folder: Path, rainy_half: Half | None = None) -> Pairing | None:
    """Pairs and leftovers of a folder; none where it has no layout of pairs.

    Raises:
        InputError: there is no such folder, or no picture where one is due; two clean pictures
            have the same name; halves are asked for, and the folder holds no pairs side by side.
    """
    if not folder.is_dir():
        raise InputError(f"no folder {folder}", "check the path")
    if rainy_half is not None:
        return _side_by_side(folder, rainy_half)
    rainy, clean = _child(folder, RAINY_FOLDERS), _child(folder, CLEAN_FOLDERS)
    if rainy is not None and clean is not None:
        layout = f"{rainy.name}/ beside {clean.name}/"
        return _match(layout, _pictures_below(rainy), _pictures_below(clean))
    pairing = _listed(folder) or _one_folder(folder)
    return pairing if pairing or rainy is None else _inside(rainy, folder)


def _side_by_side(folder: Path, rainy_half: Half) -> Pairing:
    clean_half: Half = "right" if rainy_half == "left" else "left"
    paths = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in IMAGE_SUFFIXES]
    require_alike(folder, paths)
    pairs = tuple(Pair(Picture(path, rainy_half), Picture(path, clean_half)) for path in paths)
    return Pairing(f"side by side, rainy {rainy_half}", pairs)


def _one_folder(folder: Path) -> Pairing | None:
    paths = [path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES]
    if not paths:
        raise InputError(f"no images in {folder}", _remedy(folder))
    cleans = {path for path in paths if _CLEAN_NAME.search(path.stem)}
    rainy = {path for path in paths if _RAINY_NAME.search(path.stem)} - cleans
    if not cleans or not rainy:
        return None
    pairing = _match("rainy and clean in one folder", rainy, cleans)
    others = set(paths) - cleans - rainy
    return Pairing(pairing.layout, pairing.pairs, tuple(sorted([*pairing.unpaired, *others])))


def _inside(rainy: Path, folder: Path) -> Pairing | None:
    """Pairs of the pictures below `rainy` and those in `folder` itself, if there are any."""
    inner = [path for path in rainy.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES]
    # A folder beside photographs may be called `data` for reasons of its own.
    pairing = _match(f"{rainy.name}/ inside the clean images", inner, image_paths(folder))
    return pairing if pairing.pairs else None


def _listed(folder: Path) -> Pairing | None:
    """Pairs from a list file, if the folder holds exactly one text file and that is a list."""
    lists = sorted(folder.glob("*.txt"))
    if len(lists) != 1:
        return None
    lines = [line.split() for line in lists[0].read_text(errors="replace").splitlines() if line]
    # SPA-Data writes its paths as if its folder were the root.
    entries = [[folder / word.lstrip("./") for word in words] for words in lines]
    pictures = all(path.suffix.lower() in IMAGE_SUFFIXES for paths in entries for path in paths)
    if not entries or not pictures or any(len(paths) != 2 for paths in entries):
        return None
    missing = {path for paths in entries for path in paths if not path.is_file()}
    pairs = (
        Pair(Picture(rainy), Picture(clean))
        for rainy, clean in entries
        if not missing.intersection((rainy, clean))
    )
    return Pairing(f"list file {lists[0].name}", tuple(pairs), tuple(sorted(missing)))


def _match(layout: str, rainy: Collection[Path], cleans: Collection[Path]) -> Pairing:
    index: dict[str, Path] = {}
    for path in sorted(cleans):
        for key in dict.fromkeys((path.stem, _CLEAN_NAME.sub("", path.stem))):
            if key in index:
                raise InputError(f"{index[key]} and {path} have the same name", "keep one of them")
            index[key] = path
    pairs, unpaired = [], []
    for path in sorted(rainy):
        clean = next((index[key] for key in _keys(path.stem) if key in index), None)
        if clean is None:
            unpaired.append(path)
        else:
            pairs.append(Pair(Picture(path), Picture(clean)))
    used = {pair.clean.path for pair in pairs}
    unpaired += [path for path in cleans if path not in used]
    return Pairing(layout, tuple(pairs), tuple(sorted(unpaired)))


def _keys(stem: str) -> list[str]:
    """Names the clean picture of a rainy one may have, the most specific first."""
    stems = [stem, _VARIATION.sub("", stem)]
    words = (_RAINY_NAME, _CLEAN_NAME)
    return [*stems, *(pattern.sub("", name) for name in stems for pattern in words)]


def _child(folder: Path, names: tuple[str, ...]) -> Path | None:
    folders = {path.name.lower(): path for path in folder.iterdir() if path.is_dir()}
    return next((folders[name] for name in names if name in folders), None)


def _pictures_below(folder: Path) -> list[Path]:
    paths = [path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES]
    if not paths:
        raise InputError(f"no images in {folder}", "put the pictures of the pairs there")
    return paths


def _remedy(folder: Path) -> str:
    inside = sorted(path for path in folder.iterdir() if path.is_dir())
    holding = [path.name for path in inside if _child(path, RAINY_FOLDERS)]
    if holding:
        return f"name a folder inside it: {', '.join(holding)}"
    return "it needs images, input/ beside target/, or rain-* beside norain-*"
