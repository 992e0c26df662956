"""Deraining methods: a checkpoint, a shipped model, an ONNX file, or results of other code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from spikerain_edge import Derainer
from spikerain_edge.errors import InputError
from spikerain_edge.images import Image
from spikerain_edge.images.picture import size_text
from spikerain_edge.images.reading import IMAGE_SUFFIXES, read_image
from spikerain_training.checkpoint import CONFIG, load_network
from spikerain_training.evaluation.scenes import EvalScene
from spikerain_training.restore import restore


@dataclass(frozen=True)
class Method:
    """A deraining method.

    Attributes:
        name: name of its columns.
        restore: restores an image (H, W, 3) uint8 BGR, or reads the result of other code.
        require: checks that the method has a result for a scene; raises InputError if not.
    """

    name: str
    restore: Callable[[EvalScene, Image], Image]
    require: Callable[[EvalScene], None] = lambda scene: None


@contextmanager
def open_method(given: str) -> Iterator[Method]:
    """Opens a value of `--model`.

    Args:
        given: a checkpoint folder, a shipped model, an ONNX file, or a folder of results named
            `<condition>/<image>.*` or `<image>.*`; optionally with `NAME=` before it.

    Raises:
        InputError: the model does not exist, the checkpoint has no weights, or the name before
            `=` is empty.
        CheckpointError: the checkpoint is damaged.
        ModelError: the model cannot be used.
    """
    name, target = named_method(given)
    folder = Path(target)
    if (folder / CONFIG).is_file():
        device = "cuda" if torch.cuda.is_available() else "cpu"
        network = load_network(folder).to(device)
        yield Method(name, lambda scene, rainy: restore(network, rainy))
    elif folder.is_dir():
        yield Method(name, partial(_result, folder), partial(_require_result, folder))
    else:
        with _loaded(target) as derainer:
            yield Method(name, lambda scene, rainy: derainer(rainy))


def _loaded(target: str) -> Derainer:
    try:
        return Derainer.load(target)
    except InputError as error:
        others = ", or name a checkpoint folder or a folder of results"
        raise InputError(error.cause, f"{error.remedy}{others}") from error


def named_method(given: str) -> tuple[str, str]:
    """Splits a value of `--model` into the name of the method and the model.

    Raises:
        InputError: the name before `=` is empty.
    """
    name, separator, target = given.partition("=")
    if separator and not Path(given).exists():
        if not name:
            raise InputError(
                f"--model {given} has no name before =", f"write --model NAME={target}"
            )
        return name, target
    path = Path(given)
    return (path.stem if path.is_file() else path.name) or given, given


def _result(folder: Path, scene: EvalScene, rainy: Image) -> Image:
    path = _find(folder, scene)
    result = read_image(path)
    _require_size(path, result, rainy)
    return result


def _require_result(folder: Path, scene: EvalScene) -> None:
    path = _find(folder, scene)
    if scene.picture:
        _require_size(path, read_image(path), scene.picture.read())


def _find(folder: Path, scene: EvalScene) -> Path:
    places = [place for place in (folder / scene.condition, folder) if place.is_dir()]
    found = [
        path
        for path in sorted(places[0].glob(f"{_literal(scene.name)}.*"))
        if path.suffix.lower() in IMAGE_SUFFIXES and path.stem == Path(scene.name).name
    ]
    if not found:
        raise InputError(
            f"no result for {scene.name} in {places[0]}",
            f"name the file like the rainy image: {places[0] / scene.name}.png",
        )
    return found[0]


def _require_size(path: Path, result: Image, rainy: Image) -> None:
    if result.shape != rainy.shape:
        raise InputError(
            f"{path} is {size_text(result)}, but its rainy image is {size_text(rainy)}",
            "save the results in the size of the rainy images",
        )


def _literal(name: str) -> str:
    """Escapes a file name, so that `glob` finds no wildcards in it."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
