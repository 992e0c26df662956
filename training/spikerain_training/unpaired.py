"""Warns of the files of a data set that belong to no pair."""

from __future__ import annotations

import logging
from pathlib import Path

from spikerain_edge.images.pairs import Pairing

_log = logging.getLogger(__name__)
_NAMED = 3


def warn_of_unpaired(folder: Path, pairing: Pairing) -> None:
    """Warns of files without a partner and names the first ones.

    Args:
        folder: the data set.
        pairing: its pairs and leftovers, as `find_pairing` returns them.
    """
    if not pairing.unpaired:
        return
    named = [path.name for path in pairing.unpaired[:_NAMED]]
    more = len(pairing.unpaired) - len(named)
    named += [f"{more} more"] if more else []
    _log.warning(
        "%s of %s without a partner left out: %s; list them: spikerain-train prepare %s --json",
        plural(len(pairing.unpaired), "file"),
        folder,
        ", ".join(named),
        folder,
    )


def plural(number: int, what: str) -> str:
    """Writes a number with its noun, such as `1 pair` or `2 pairs`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
