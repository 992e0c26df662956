"""Warns of files of a data set that have no partner."""

from __future__ import annotations

import logging
from pathlib import Path
from shlex import quote

from spikerain_edge.images.pairs import Pairing

_log = logging.getLogger(__name__)
_NAMED = 3


def warn_of_unpaired(folder: Path, pairing: Pairing) -> None:
    """Warns of files without a partner and names the first ones.

    Args:
        folder: the data set.
        pairing: its pairs and unpaired files, as `find_pairing` returns them.
    """
    if not pairing.unpaired:
        return
    named = [path.name for path in pairing.unpaired[:_NAMED]]
    more = len(pairing.unpaired) - len(named)
    named += [f"{more} more"] if more else []
    _log.warning(
        "%s in %s skipped, no partner found: %s; list all: spikerain-train prepare %s --json",
        plural(len(pairing.unpaired), "file"),
        folder,
        ", ".join(named),
        quote(str(folder)),
    )


def plural(number: int, what: str) -> str:
    """Returns a number with its noun, such as `1 pair` or `2 pairs`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
