"""Says which files of a data set are left out, since no pair uses them."""

from __future__ import annotations

import logging
from pathlib import Path

from spikerain_edge.images.pairs import Pairing

_log = logging.getLogger(__name__)
_NAMED = 3


def warn_of_unpaired(folder: Path, pairing: Pairing) -> None:
    """Warns of files without a partner, which no pair uses; names the first of them.

    Args:
        folder: what was looked at.
        pairing: what `find_pairing` found in it.
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
    """`1 pair`, `2 pairs`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
