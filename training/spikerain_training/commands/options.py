"""Options of several commands, and the parsing of their values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from spikerain_edge.errors import InputError
from spikerain_edge.files import resolved
from spikerain_edge.images.picture import Half

PROGRAM = "spikerain-train"


class Side(str, Enum):
    """Values of `--rainy-half`."""

    LEFT = "left"
    RIGHT = "right"


class Seeded(str, Enum):
    """Values of `evaluate --weather`."""

    RAIN = "rain"
    SNOW = "snow"
    FOG = "fog"
    CURTAIN = "curtain"


RainyHalf = Annotated[
    Side | None,
    typer.Option(help="Every image holds a pair side by side, and this half is rainy."),
]


def half(side: Side | None) -> Half | None:
    """Converts a value of `--rainy-half` to the argument of `find_pairs`."""
    if side is None:
        return None
    return "left" if side is Side.LEFT else "right"


RainyHalves = Annotated[
    list[str] | None,
    typer.Option(
        "--rainy-half",
        metavar="[FOLDER=]left|right",
        help="Every image holds a pair side by side, and this half is rainy: in all folders, or in "
        "FOLDER only; may be repeated.",
    ),
]


def halves(given: Sequence[str], folders: Sequence[Path]) -> dict[Path, Half]:
    """Parses values of `--rainy-half` and returns the rainy half of each folder.

    Args:
        given: values such as `left`, for all folders, or `FOLDER=left`.
        folders: all folders of the run.

    Raises:
        InputError: a value does not end in left or right, names a folder that the run does not
            use, or contradicts another value.
    """
    named: dict[Path, Half] = {}
    for text in given:
        folder, _, side = text.rpartition("=")
        if side not in ("left", "right"):
            raise InputError(
                f"--rainy-half {text} does not end in left or right",
                "write --rainy-half left, or --rainy-half FOLDER=left",
            )
        if folder and Path(folder) not in folders:
            raise InputError(
                f"--rainy-half names {folder}, but the run does not use this folder",
                f"name one of {', '.join(map(str, folders))}",
            )
        for path in [Path(folder)] if folder else folders:
            if path in named:
                raise InputError(
                    f"--rainy-half is given twice for {path}",
                    f"give it once: --rainy-half {path}={named[path]}",
                )
            named[path] = "left" if side == "left" else "right"
    return named


def folders_of(given: Sequence[str]) -> dict[Path, float]:
    """Parses values of `--data` and returns the weight of each folder; see `weighted`.

    Raises:
        InputError: a folder is named twice, or a weight is not a number above 0.
    """
    folders: dict[Path, float] = {}
    for folder, weight in map(weighted, given):
        if resolved(folder) in [resolved(other) for other in folders]:
            raise InputError(
                f"--data names {folder} twice", f"name it once, with a weight: --data {folder}=2"
            )
        folders[folder] = weight
    return folders


def weighted(given: str) -> tuple[Path, float]:
    """Parses `FOLDER` or `FOLDER=WEIGHT` and returns both; the default weight is 1.

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
        raise InputError(
            f"--data {given}: the weight {weight!r} is not a number above 0",
            f"write --data {folder}=2.5",
        )
    return Path(folder), number
