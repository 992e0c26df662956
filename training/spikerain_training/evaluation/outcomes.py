"""Runs methods over scenes, one scene in memory at a time, and scores what they return."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2

from spikerain_edge.errors import InputError
from spikerain_edge.files import create_folder, write_whole
from spikerain_edge.images import Image
from spikerain_edge.images.metrics import Quality, quality
from spikerain_training.evaluation.methods import Method
from spikerain_training.evaluation.scenes import EvalScene

RAINY = "rainy"
"""Name under which the input itself is scored and shown."""
TRUTH = "truth"
"""Name under which the truth is shown."""


@dataclass(frozen=True)
class Outcome:
    """A scene and what every method made of it.

    Attributes:
        scene: where it comes from.
        truth: the scene without rain, where known.
        restored: pictures by method; the first is the rainy one itself, named `rainy`. All are
            (H, W, 3) uint8 BGR.
    """

    scene: EvalScene
    truth: Image | None
    restored: dict[str, Image]


@dataclass(frozen=True)
class Score:
    """How good one picture by one method is."""

    condition: str
    image: str
    method: str
    quality: Quality


def require_names(methods: Sequence[Method]) -> None:
    """Refuses methods whose columns could not be told apart.

    Raises:
        InputError: two columns would have the same name.
    """
    names = [RAINY, *(method.name for method in methods), TRUTH]
    if len(set(names)) < len(names):
        raise InputError(
            f"two columns have one name ({', '.join(names)})", "write --model NAME=..."
        )


def outcomes(scenes: Iterable[EvalScene], methods: Sequence[Method]) -> Iterator[Outcome]:
    """Restores every scene with every method.

    Raises:
        InputError: a method has no result for a scene, a picture cannot be read, or two columns
            would have the same name.
    """
    require_names(methods)
    for scene in scenes:
        rainy, truth = scene.read()
        restored = {method.name: method.restore(scene, rainy) for method in methods}
        yield Outcome(scene, truth, {RAINY: rainy, **restored})


def scores(outcome: Outcome) -> list[Score]:
    """Scores of the rainy input and of every method; none where the truth is not known."""
    if outcome.truth is None:
        return []
    scene, truth = outcome.scene, outcome.truth
    return [
        Score(scene.condition, scene.name, name, quality(picture, truth))
        for name, picture in outcome.restored.items()
    ]


def save(outcome: Outcome, folder: Path) -> None:
    """Writes every picture, whole, as `<folder>/<method>/<condition>/<picture>.png`.

    The folder `rainy` is what another method needs as input; its results, named alike, can then
    be evaluated beside ours.

    Raises:
        OSError: the folder cannot be written to.
    """
    for name, picture in outcome.restored.items():
        path = folder / name / outcome.scene.condition / f"{outcome.scene.name}.png"
        create_folder(path.parent)
        write_whole(path, cv2.imencode(".png", picture)[1].tobytes())
