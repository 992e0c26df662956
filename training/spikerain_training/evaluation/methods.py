"""Whatever restores pictures: a checkpoint, a shipped model, an ONNX file, another's results."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from spikerain_edge import Derainer
from spikerain_training.checkpoint import CONFIG, load_network
from spikerain_training.evaluation.scenes import Scene
from spikerain_training.pictures import SUFFIXES, Image, read_image
from spikerain_training.restore import restore


@dataclass(frozen=True)
class Method:
    """A named way of restoring pictures.

    Attributes:
        name: heading of its columns.
        restore: restores (H, W, 3) uint8 BGR; reads the result where only results are known.
    """

    name: str
    restore: Callable[[Scene, Image], Image]


@contextmanager
def open_method(given: str) -> Iterator[Method]:
    """Opens what the user named, `NAME=` in front of it being optional.

    Args:
        given: a checkpoint folder, a shipped model, an ONNX file or a folder of results, which
            holds `<condition>/<picture>.*` or `<picture>.*`.

    Raises:
        FileNotFoundError: the checkpoint lacks its weights.
        ValueError: the weights do not fit their configuration.
        SpikeRainError: no such model, or it cannot be used.
    """
    name, target = _named(given)
    folder = Path(target)
    if (folder / CONFIG).is_file():
        device = "cuda" if torch.cuda.is_available() else "cpu"
        network = load_network(folder).to(device)
        yield Method(name, lambda scene, rainy: restore(network, rainy))
    elif folder.is_dir():
        yield Method(name, partial(_result, folder))
    else:
        with Derainer.load(target) as derainer:
            yield Method(name, lambda scene, rainy: derainer(rainy))


def _named(given: str) -> tuple[str, str]:
    name, separator, target = given.partition("=")
    if separator and not Path(given).exists():
        return name, target
    path = Path(given)
    return (path.stem if path.is_file() else path.name) or given, given


def _result(folder: Path, scene: Scene, rainy: Image) -> Image:
    places = [place for place in (folder / scene.condition, folder) if place.is_dir()]
    found = [
        path
        for path in sorted(places[0].glob(f"{_literal(scene.name)}.*"))
        if path.suffix.lower() in SUFFIXES
    ]
    if not found:
        raise FileNotFoundError(
            f"no result for {scene.name} in {places[0]}; name results as their rainy pictures"
        )
    result = read_image(found[0])
    if result.shape != rainy.shape:
        raise ValueError(
            f"{found[0]} is {result.shape[1]}x{result.shape[0]}, its rainy picture "
            f"{rainy.shape[1]}x{rainy.shape[0]}; save results at full size"
        )
    return result


def _literal(name: str) -> str:
    """A file name in which `glob` sees no wildcards."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
