"""Scenes to evaluate methods on: rendered rain, paired data sets, real photographs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from spikerain_edge.errors import InputError
from spikerain_edge.images import Image
from spikerain_edge.images.pairs import usable_pairing
from spikerain_edge.images.picture import Half, Pair, Picture
from spikerain_edge.images.reading import image_paths
from spikerain_training.seeded_rain import (
    Severity,
    named,
    require_measurable,
    seeded_rain,
    severities,
)
from spikerain_training.seeded_weather import seeded_weather
from spikerain_training.unpaired import warn_of_unpaired

Checks = Sequence[Callable[[], None]]
TrackChecks = Callable[[Checks], Iterable[Callable[[], None]]]

RAIN = "rain"
NO_RAIN = "none"
PAIRED = "paired"
REAL = "real"


@dataclass(frozen=True)
class EvalScene:
    """A rainy image with or without ground truth; it is read when needed.

    Attributes:
        condition: group whose scenes are averaged: a severity of rain, `none`, another kind of
            weather, `paired` or `real`.
        name: stem of the rainy file, unique within a condition. If stems repeat, it includes the
            folder (`a/1`, `b/1`).
        read: reads or renders (rainy, truth), each (H, W, 3) uint8 BGR; raises InputError.
        picture: a picture of the same size as the rainy image, such as its clean image.
    """

    condition: str
    name: str
    read: Callable[[], tuple[Image, Image | None]]
    picture: Picture | None = None


def measured_scenes(
    folder: Path,
    rainy_half: Half | None = None,
    limit: int | None = None,
    track: TrackChecks = lambda checks: checks,
    weather: Sequence[str] = (),
) -> list[EvalScene]:
    """Returns scenes with ground truth: pairs, or clean images with seeded weather.

    All images are checked first, so that an unusable one does not stop the evaluation halfway.

    Args:
        folder: a paired data set or a folder of clean images.
        rainy_half: the rainy half, if every image holds a pair side by side (see `find_pairs`).
        limit: use only this many images, the first ones by name.
        track: wraps the list of checks while they run, for a progress bar.
        weather: kinds of weather for clean images: `rain`, in three severities and beside the
            images themselves, `snow`, `fog` or `curtain`; rain if empty.

    Raises:
        InputError: the folder does not exist or holds no image, two clean images or two scenes
            have the same name, an image cannot be decoded, is too small for SSIM, or cannot be
            made rainy enough, or weather is given and the folder holds pairs.
    """
    pairing = usable_pairing(folder, rainy_half)
    scenes: list[EvalScene]
    checks: Checks
    if pairing is None:
        scenes, checks = _behind_weather(image_paths(folder)[:limit], weather or [RAIN])
    elif weather:
        raise InputError(
            f"{folder} holds pairs, and weather is rendered in front of clean images only",
            "leave out --weather, or name the folder of the clean images",
        )
    else:
        scenes, checks = _paired(pairing.pairs[:limit])
        warn_of_unpaired(folder, pairing)
    for check in track(checks):
        check()
    return scenes


def real_scenes(folder: Path, limit: int | None = None) -> list[EvalScene]:
    """Returns rainy photographs without ground truth.

    Raises:
        InputError: the folder does not exist or holds no image, or two photographs have the same
            name.
    """
    paths = image_paths(folder)[:limit]
    scenes = zip(_names(paths), paths, strict=True)
    return [
        EvalScene(REAL, name, partial(_photograph, path), Picture(path)) for name, path in scenes
    ]


def spread(scenes: Sequence[EvalScene], count: int) -> list[EvalScene]:
    """Returns at most `count` scenes of every condition, evenly spread over its images.

    Conditions start at different images, so that a gallery shows many different images.
    """
    conditions = dict.fromkeys(scene.condition for scene in scenes)
    chosen: list[EvalScene] = []
    for shift, condition in enumerate(conditions):
        of_one = [scene for scene in scenes if scene.condition == condition]
        total, taken = len(of_one), min(count, len(of_one))
        start = shift * max(1, total // (taken * len(conditions)))
        places = ((start + index * total // taken) % total for index in range(taken))
        chosen += [of_one[place] for place in sorted(places)]
    return chosen


def _paired(pairs: Sequence[Pair]) -> tuple[list[EvalScene], Checks]:
    names = _names([pair.rainy.path for pair in pairs])
    scenes = [
        EvalScene(PAIRED, name, partial(_read_pair, pair), pair.rainy)
        for name, pair in zip(names, pairs, strict=True)
    ]
    return scenes, [partial(_check_pair, pair) for pair in pairs]


def _behind_weather(paths: Sequence[Path], kinds: Sequence[str]) -> tuple[list[EvalScene], Checks]:
    scenes: list[EvalScene] = []
    checks: list[Callable[[], None]] = []
    for kind in dict.fromkeys(kinds):
        found, needed = _behind_rain(paths) if kind == RAIN else _behind_kind(paths, kind)
        scenes += found
        checks += needed
    return scenes, checks


def _behind_kind(paths: Sequence[Path], kind: str) -> tuple[list[EvalScene], Checks]:
    scenes = [
        EvalScene(kind, name, partial(_weathered, path, kind, seed), Picture(path))
        for seed, (name, path) in enumerate(zip(_names(paths), paths, strict=True))
    ]
    return scenes, [partial(_check_weathered, path, kind, seed) for seed, path in enumerate(paths)]


def _behind_rain(paths: Sequence[Path]) -> tuple[list[EvalScene], Checks]:
    cleans = list(zip(_names(paths), paths, strict=True))
    rainy = [
        EvalScene(level.name, name, partial(_rendered, path, level, seed), Picture(path))
        for level in severities().values()
        for seed, (name, path) in enumerate(cleans)
    ]
    dry = [EvalScene(NO_RAIN, name, partial(_dry, path), Picture(path)) for name, path in cleans]
    return rainy + dry, [partial(_check_clean, path, seed) for seed, path in enumerate(paths)]


def _names(paths: Sequence[Path]) -> list[str]:
    """Returns the stems of the files; if stems repeat, includes the folders.

    Raises:
        InputError: two files of one folder differ only in their suffix.
    """
    names = [path.stem for path in paths]
    if len(set(names)) == len(names):
        return names
    root = os.path.commonpath([path.parent for path in paths])
    names = [path.relative_to(root).with_suffix("").as_posix() for path in paths]
    first: dict[str, Path] = {}
    for name, path in zip(names, paths, strict=True):
        if name in first:
            raise InputError(
                f"{first[name]} and {path} have the same name without suffix",
                "rename one of them, and its partner if it has one",
            )
        first[name] = path
    return names


def _check_pair(pair: Pair) -> None:
    rainy, _ = pair.read()
    with named(pair.rainy.path):
        require_measurable(rainy, (), 0)


def _check_clean(path: Path, seed: int) -> None:
    clean = Picture(path).read()
    # Only the heaviest rain is checked, to save time: if it can be rendered, so can the others.
    heaviest = min(severities().values(), key=lambda level: level.psnr)
    with named(path):
        require_measurable(clean, (heaviest,), seed)


def _check_weathered(path: Path, kind: str, seed: int) -> None:
    clean, _ = _dry(path)
    with named(path):
        require_measurable(clean, (), seed)
        seeded_weather(clean, kind, seed)


def _read_pair(pair: Pair) -> tuple[Image, Image | None]:
    return pair.read()


def _rendered(path: Path, severity: Severity, seed: int) -> tuple[Image, Image | None]:
    clean = Picture(path).read()
    with named(path):
        return seeded_rain(clean, severity, seed), clean


def _weathered(path: Path, kind: str, seed: int) -> tuple[Image, Image | None]:
    clean = Picture(path).read()
    with named(path):
        return seeded_weather(clean, kind, seed), clean


def _dry(path: Path) -> tuple[Image, Image | None]:
    clean = Picture(path).read()
    return clean, clean


def _photograph(path: Path) -> tuple[Image, Image | None]:
    return Picture(path).read(), None
