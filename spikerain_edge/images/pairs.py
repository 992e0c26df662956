"""Finds pairs of a rainy and a clean image in the layouts that public data sets use.

- Two folders, `input|rain|rainy|rainy_image|data` and `target|norain|gt|ground_truth|clean`. Images
  are matched by name: the same stem (Rain100, Rain800), a known prefix or suffix (`rain-001`,
  `001_clean`, `001gt` in SPA-Data), one clean image for many rainy ones (`901_1` to `901_14` and
  `901` in Rain1400), or `1x2` and `1` (Rain200).
- A folder of rainy images inside the folder of the clean ones: `rainy/rain-001.png` and
  `norain-001.png` (Rain100 as PReNet distributes it).
- One folder with both: `rain-001.png` and `norain-001.png` (Rain12, Rain100).
- One list file in the folder: each line has the paths of the rainy and the clean image, relative
  to the folder (SPA-Data).
- Images with both halves side by side (Rain800, Rain1200). This layout must be requested, because
  the file does not tell which half is rainy; the two halves must show the same scene.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

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
    """The pairs of a folder.

    Attributes:
        layout: description of the layout.
        pairs: the pairs, sorted by the name of the rainy file.
        unpaired: images without a partner, and files that a list names but that do not exist.
    """

    layout: str
    pairs: tuple[Pair, ...]
    unpaired: tuple[Path, ...] = ()


def find_pairs(folder: Path, rainy_half: Half | None = None) -> tuple[Pair, ...] | None:
    """Finds the pairs of a folder and ignores images without a partner.

    Args:
        folder: data set in one of the layouts that the module lists.
        rainy_half: rainy half of images that contain a pair side by side; None for other layouts.

    Returns:
        The pairs, at least one; None if the folder has none of the layouts.

    Raises:
        InputError: the folder does not exist or has no images, no names match, or `rainy_half` is
            given and the images do not contain a pair side by side.
    """
    pairing = usable_pairing(folder, rainy_half)
    return None if pairing is None else pairing.pairs


def usable_pairing(folder: Path, rainy_half: Half | None = None) -> Pairing | None:
    """Finds the pairs and the unpaired images of a folder, and requires at least one pair.

    Args:
        folder: data set in one of the layouts that the module lists.
        rainy_half: rainy half of images that contain a pair side by side; None for other layouts.

    Returns:
        The pairs; None if the folder has none of the layouts.

    Raises:
        InputError: the folder does not exist or has no images, no names match, or `rainy_half` is
            given and the images do not contain a pair side by side.
    """
    pairing = find_pairing(folder, rainy_half)
    if pairing is not None and not pairing.pairs:
        raise InputError(
            f"no names match in {folder} ({pairing.layout})",
            f"list the unpaired images: spikerain-train prepare {quote(str(folder))}",
        )
    return pairing


def find_pairing(folder: Path, rainy_half: Half | None = None) -> Pairing | None:
    """Finds the pairs and the unpaired images of a folder.

    Args:
        folder: data set in one of the layouts that the module lists.
        rainy_half: rainy half of images that contain a pair side by side; None for other layouts.

    Returns:
        The pairs, possibly none; None if the folder has none of the layouts.

    Raises:
        InputError: the folder does not exist or has no images, two clean images have the same
            name, or `rainy_half` is given and the images do not contain a pair side by side.
    """
    if not folder.is_dir():
        raise InputError(
            f"the folder {folder} does not exist", f"check the path: ls {quote(str(folder.parent))}"
        )
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
        raise InputError(f"there are no images in {folder}", _remedy(folder))
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
    # A folder with the name `data` may contain other things than rainy images.
    pairing = _match(f"{rainy.name}/ inside the clean images", inner, image_paths(folder))
    return pairing if pairing.pairs else None


def _listed(folder: Path) -> Pairing | None:
    """Reads pairs from a list file, which must be the only text file in the folder."""
    lists = sorted(folder.glob("*.txt"))
    if len(lists) != 1:
        return None
    lines = [line.split() for line in lists[0].read_text(errors="replace").splitlines() if line]
    # The paths in the list of SPA-Data begin with a slash but are relative to its folder.
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
                raise InputError(
                    f"{index[key]} and {path} have the same name", "rename one of them"
                )
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
    """Lists possible names of the clean image for a rainy one, most specific first."""
    stems = [stem, _VARIATION.sub("", stem)]
    words = (_RAINY_NAME, _CLEAN_NAME)
    return [*stems, *(pattern.sub("", name) for name in stems for pattern in words)]


def _child(folder: Path, names: tuple[str, ...]) -> Path | None:
    folders = {path.name.lower(): path for path in folder.iterdir() if path.is_dir()}
    return next((folders[name] for name in names if name in folders), None)


def _pictures_below(folder: Path) -> list[Path]:
    paths = [path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES]
    if not paths:
        raise InputError(
            f"there are no images in {folder}", "copy the images of the pairs into this folder"
        )
    return paths


def _remedy(folder: Path) -> str:
    inside = sorted(path for path in folder.iterdir() if path.is_dir())
    datasets = [path.name for path in inside if _child(path, RAINY_FOLDERS)]
    if datasets:
        return f"name a folder inside it: {', '.join(datasets)}"
    return "add images, folders input/ and target/, or files rain-* and norain-*"
