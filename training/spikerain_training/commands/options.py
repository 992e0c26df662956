"""Options that several commands share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from spikerain_edge.errors import InputError
from spikerain_edge.images.picture import Half

PROGRAM = "spikerain-train"


class Side(str, Enum):
    """Half of a picture, as typed."""

    LEFT = "left"
    RIGHT = "right"


RainyHalf = Annotated[
    Side | None,
    typer.Option(help="Every image holds a pair side by side, and this half of it is rainy."),
]


def half(side: Side | None) -> Half | None:
    """What `find_pairs` takes, from what was typed."""
    if side is None:
        return None
    return "left" if side is Side.LEFT else "right"


RainyHalves = Annotated[
    list[str] | None,
    typer.Option(
        "--rainy-half",
        metavar="[FOLDER=]left|right",
        help="Every image holds a pair side by side, and this half of it is rainy: in all folders, "
        "or in the one that is named; repeat it.",
    ),
]


def halves(given: Sequence[str], folders: Sequence[Path]) -> dict[Path, Half]:
    """The rainy half of folders, from `left`, for all of them, or `FOLDER=left`.

    Args:
        given: what was typed.
        folders: all that will be seen.

    Raises:
        InputError: no half is meant, a folder is not among those that will be seen, or what was
            typed contradicts itself.
    """
    named: dict[Path, Half] = {}
    for text in given:
        folder, _, side = text.rpartition("=")
        if side not in ("left", "right"):
            raise InputError(
                f"--rainy-half {text} must end in left or right", "write left, or FOLDER=left"
            )
        if folder and Path(folder) not in folders:
            raise InputError(
                f"--rainy-half names {folder}, which is not among the data",
                f"name one of {', '.join(map(str, folders))}",
            )
        for place in [Path(folder)] if folder else folders:
            if place in named:
                raise InputError(f"--rainy-half names two halves of {place}", "give one of them")
            named[place] = "left" if side == "left" else "right"
    return named


def folders_of(given: Sequence[str]) -> dict[Path, float]:
    """Folders and their weights from `FOLDER` or `FOLDER=WEIGHT`; see `weighted`.

    Raises:
        InputError: a folder is named twice, or a weight is not a number above 0.
    """
    folders: dict[Path, float] = {}
    for folder, weight in map(weighted, given):
        if folder.resolve() in [other.resolve() for other in folders]:
            raise InputError(
                f"--data names {folder} twice", f"give it once, with its weight: {folder}=2"
            )
        folders[folder] = weight
    return folders


def weighted(given: str) -> tuple[Path, float]:
    """A folder and its weight from `FOLDER=WEIGHT`; the weight is 1 unless given.

    Raises:
        InputError: the weight is not a number above 0.
    """
    folder, separator, weight = given.rpartition("=")
    if not separator or Path(given).exists():
        return Path(given), 1.0
    try:
        number = float(weight)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise InputError(f"--data {given}: {weight!r} is not a weight above 0", "write FOLDER=2.5")
    return Path(folder), number
