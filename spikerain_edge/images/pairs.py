"""Finds pairs of a rainy and a clean image in the layouts that public data sets use.

- Two folders, `input|rain|rainy|rainy_image|data` beside `target|norain|gt|ground_truth|clean`,
  pictures matched by name: the same stem (Rain100, Rain800), a known prefix or suffix (`rain-001`,
  `001_clean`, `001gt` in SPA-Data), one clean picture for many rainy ones (`901_1` to `901_14` and
  `901` in Rain1400) or `1x2` and `1` (Rain200).
- A folder of rainy pictures inside the folder of the clean ones: `rainy/rain-001.png` and
  `norain-001.png` (Rain100 as PReNet hands it on).
- One folder with both: `rain-001.png` and `norain-001.png` (Rain12, Rain100).
- One list file: lines of two paths, rainy then clean, below the list's folder (SPA-Data).
- One picture that holds both side by side (Rain800, Rain1200). Only on request, since the file
  does not say which half is rainy, and only if the two halves show the same scene.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from spikerain_edge.errors import InputError
from spikerain_edge.images.picture import Half, Pair, Picture
from spikerain_edge.images.reading import IMAGE_SUFFIXES, image_paths
from spikerain_edge.images.side_by_side import require_alike

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
class Pairing:
    """The pairs that a folder holds.

    Attributes:
        layout: the layout in words.
        pairs: sorted by the name of the rainy file.
        unpaired: pictures that belong to no pair, and list entries without a file.
    """

    layout: str
    pairs: tuple[Pair, ...]
    unpaired: tuple[Path, ...] = ()


def find_pairs(folder: Path, rainy_half: Half | None = None) -> tuple[Pair, ...] | None:
    """Finds the pairs of a folder and leaves out pictures without a partner.

    Args:
        folder: a data set in one of the layouts that the module lists.
        rainy_half: the rainy half of pictures that hold a pair side by side.

    Returns:
        The pairs, at least one; None if the folder has no layout of pairs.

    Raises:
        InputError: the folder is missing or has no image, no names match, or the images do not
            hold a pair side by side though `rainy_half` says so.
    """
    pairing = usable_pairing(folder, rainy_half)
    return None if pairing is None else pairing.pairs


def usable_pairing(folder: Path, rainy_half: Half | None = None) -> Pairing | None:
    """Finds the pairs and the leftovers of a folder, and requires at least one pair.

    Returns:
        The pairs; None if the folder has no layout of pairs.

    Raises:
        InputError: the folder is missing or has no image, no names match, or the images do not
            hold a pair side by side though `rainy_half` says so.
    """
    pairing = find_pairing(folder, rainy_half)
    if pairing is not None and not pairing.pairs:
        raise InputError(
            f"no names match in {folder} ({pairing.layout})",
            f"see what is unpaired: spikerain-train prepare {folder}",
        )
    return pairing


def find_pairing(folder: Path, rainy_half: Half | None = None) -> Pairing | None:
    """Finds the pairs and the leftovers of a folder.

    Returns:
        The pairs, perhaps not one; None if the folder has no layout of pairs.

    Raises:
        InputError: the folder is missing or has no image, two clean images have the same name, or
            the images do not hold a pair side by side though `rainy_half` says so.
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
    """Pairs the images below `rainy` with those in `folder` itself."""
    inner = [path for path in rainy.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES]
    # A folder called `data` beside photographs need not hold rainy images.
    pairing = _match(f"{rainy.name}/ inside the clean images", inner, image_paths(folder))
    return pairing if pairing.pairs else None


def _listed(folder: Path) -> Pairing | None:
    """Reads pairs from a list file, which must be the only text file of the folder."""
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
    """Lists the names that the clean image of a rainy one may have, most specific first."""
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
