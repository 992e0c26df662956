"""Rainy scenes that an export is proven on, with the truth where it is known."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from spikerain_edge.commands.frames import MOST, fit, read_pictures
from spikerain_edge.stream.demo import DemoScene

if TYPE_CHECKING:
    from spikerain_export.verification import Scene

Image = npt.NDArray[np.uint8]
# Spread over the demo's six seconds, since neighbouring frames are nearly equal.
_DEMO_MOMENTS = (0, 25, 50, 75, 100, 125)


def scenes_at(data: str | None, sizes: Sequence[tuple[int, int]]) -> list[list[Scene]]:
    """The same scenes at several sizes, height and width.

    Args:
        data: image, folder, glob or folder of pairs, of which the first eight are taken; the
            built-in rainy scene unless given. What comes without truth is joined by frames of
            that scene, whose truth is known.
        sizes: what to scale them to.

    Raises:
        InputError: there are no such images, or it is a camera.
    """
    from spikerain_export.verification import Scene

    pairs = _demo(_DEMO_MOMENTS) if data is None else _read(data)
    return [
        [
            Scene(fit(rainy, *size), None if clean is None else fit(clean, *size))
            for rainy, clean in pairs
        ]
        for size in sizes
    ]


def _demo(moments: Sequence[int]) -> list[tuple[Image, Image | None]]:
    scene = DemoScene()
    return [(scene.rainy(moment), scene.clean(moment)) for moment in moments]


def _read(data: str) -> list[tuple[Image, Image | None]]:
    # Layouts of pairs are known to the training package, which a board has no torch for.
    if Path(data).is_dir() and find_spec("torch") is not None:
        from spikerain_training.pairs import find_pairing, find_pairs

        if find_pairing(Path(data)) is not None:
            return [pair.read() for pair in find_pairs(Path(data))[:MOST]]
    pictures: list[tuple[Image, Image | None]] = [
        (picture, None) for picture in read_pictures(data, "--data")
    ]
    return [*pictures, *_demo(_DEMO_MOMENTS)]
