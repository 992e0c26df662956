"""Options that several commands share."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from spikerain_training.pairs import Half


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


def weighted(given: str) -> tuple[Path, float]:
    """A folder and its weight from `FOLDER=WEIGHT`; the weight is 1 unless given.

    Raises:
        ValueError: the weight is not a number.
    """
    folder, separator, weight = given.rpartition("=")
    if not separator or Path(given).exists():
        return Path(given), 1.0
    try:
        return Path(folder), float(weight)
    except ValueError:
        raise ValueError(f"--data {given}: {weight!r} is no weight; write FOLDER=2.5") from None
