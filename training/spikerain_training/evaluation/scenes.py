"""What methods are measured on: rendered rain, paired data sets, real photographs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from spikerain_training.data import Image, image_paths, read_image
from spikerain_training.pairs import Half, Pair, find_pairing, find_pairs
from spikerain_training.validation import Severity, seeded_rain, severities

NO_RAIN = "none"
PAIRED = "paired"
REAL = "real"


@dataclass(frozen=True)
class Scene:
    """A rainy picture with or without the truth; read when needed.

    Attributes:
        condition: what scenes are averaged by: a severity, `none`, `paired` or `real`.
        name: stem of the rainy file, unique within a condition.
        read: reads or renders (rainy, truth), each (H, W, 3) uint8 BGR; raises `ValueError`.
    """

    condition: str
    name: str
    read: Callable[[], tuple[Image, Image | None]]


def measured_scenes(
    folder: Path, rainy_half: Half | None = None, limit: int | None = None
) -> list[Scene]:
    """Scenes with truth: the pairs of a folder, or its clean pictures behind seeded rain.

    Args:
        folder: a paired data set or a folder of clean pictures.
        rainy_half: for side-by-side pictures, see `find_pairs`.
        limit: take only so many pictures, the first by name.

    Raises:
        FileNotFoundError: no such folder, or no pictures in it.
        ValueError: the pictures of a pair cannot be told apart.
    """
    if find_pairing(folder, rainy_half) is not None:
        pairs = find_pairs(folder, rainy_half)[:limit]
        return [Scene(PAIRED, pair.name, partial(_read_pair, pair)) for pair in pairs]
    paths = image_paths(folder)[:limit]
    rainy = [
        Scene(level.name, path.stem, partial(_rendered, path, level, seed))
        for level in severities().values()
        for seed, path in enumerate(paths)
    ]
    return [*rainy, *(Scene(NO_RAIN, path.stem, partial(_dry, path)) for path in paths)]


def real_scenes(folder: Path, limit: int | None = None) -> list[Scene]:
    """Rainy photographs without truth, to look at.

    Raises:
        FileNotFoundError: no such folder, or no pictures in it.
    """
    paths = image_paths(folder)[:limit]
    return [Scene(REAL, path.stem, partial(_photograph, path)) for path in paths]


def spread(scenes: Sequence[Scene], count: int) -> list[Scene]:
    """At most `count` scenes for every condition, evenly spread over its pictures.

    Conditions begin at different pictures, so that a gallery shows more than a few of them.
    """
    conditions = dict.fromkeys(scene.condition for scene in scenes)
    chosen: list[Scene] = []
    for shift, condition in enumerate(conditions):
        of_one = [scene for scene in scenes if scene.condition == condition]
        total, taken = len(of_one), min(count, len(of_one))
        start = shift * max(1, total // (taken * len(conditions)))
        places = ((start + index * total // taken) % total for index in range(taken))
        chosen += [of_one[place] for place in sorted(places)]
    return chosen


def _read_pair(pair: Pair) -> tuple[Image, Image | None]:
    return pair.read()


def _rendered(path: Path, severity: Severity, seed: int) -> tuple[Image, Image | None]:
    clean = read_image(path)
    return seeded_rain(clean, severity, seed), clean


def _dry(path: Path) -> tuple[Image, Image | None]:
    clean = read_image(path)
    return clean, clean


def _photograph(path: Path) -> tuple[Image, Image | None]:
    return read_image(path), None
