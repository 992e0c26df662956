"""Runs methods on scenes, one scene in memory at a time, and scores the results."""

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
"""Name of the column of the rainy input."""
TRUTH = "truth"
"""Name of the column of the ground truth."""


@dataclass(frozen=True)
class Outcome:
    """A scene and the results of all methods. Images are (H, W, 3) uint8 BGR.

    Attributes:
        scene: the scene.
        truth: the scene without rain; None if it is not known.
        restored: images by the name of the method; the first one is the input, named `rainy`.
    """

    scene: EvalScene
    truth: Image | None
    restored: dict[str, Image]


@dataclass(frozen=True)
class Score:
    """Quality of one image of one method.

    Attributes:
        condition: condition of the scene.
        image: name of the scene.
        method: name of the method.
        quality: PSNR and SSIM.
    """

    condition: str
    image: str
    method: str
    quality: Quality


def require_names(methods: Sequence[Method]) -> None:
    """Checks that all columns have different names.

    Raises:
        InputError: two columns have the same name.
    """
    names = [RAINY, *(method.name for method in methods), TRUTH]
    if len(set(names)) < len(names):
        raise InputError(
            f"two columns have the same name ({', '.join(names)})",
            "choose another name: --model NAME=MODEL",
        )


def outcomes(scenes: Iterable[EvalScene], methods: Sequence[Method]) -> Iterator[Outcome]:
    """Restores every scene with every method.

    Raises:
        InputError: a method has no result for a scene, an image cannot be read, or two columns
            have the same name.
    """
    require_names(methods)
    for scene in scenes:
        rainy, truth = scene.read()
        restored = {method.name: method.restore(scene, rainy) for method in methods}
        yield Outcome(scene, truth, {RAINY: rainy, **restored})


def scores(outcome: Outcome) -> list[Score]:
    """Returns the scores of the rainy input and of all methods; empty without ground truth."""
    if outcome.truth is None:
        return []
    scene, truth = outcome.scene, outcome.truth
    return [
        Score(scene.condition, scene.name, name, quality(picture, truth))
        for name, picture in outcome.restored.items()
    ]


def save(outcome: Outcome, folder: Path) -> None:
    """Writes all images as `<folder>/<method>/<condition>/<image>.png`.

    The folder `rainy` contains the inputs for other code. Results of other code with the same file
    names can be evaluated as another method. Every file appears complete or not at all.

    Raises:
        OSError: the folder cannot be written to.
    """
    for name, picture in outcome.restored.items():
        path = folder / name / outcome.scene.condition / f"{outcome.scene.name}.png"
        create_folder(path.parent)
        write_whole(path, cv2.imencode(".png", picture)[1].tobytes())
