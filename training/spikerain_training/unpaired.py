"""Says which files of a data set are left out, since no pair uses them."""

from __future__ import annotations

from pathlib import Path

from spikerain_edge.images.pairs import Pairing

_NAMED = 3


def left_out(folder: Path, pairing: Pairing) -> list[str]:
    """A warning that names the first files without a partner; empty where there are none.

    Args:
        folder: what was looked at.
        pairing: what `find_pairing` found in it.
    """
    if not pairing.unpaired:
        return []
    named = [path.name for path in pairing.unpaired[:_NAMED]]
    more = len(pairing.unpaired) - len(named)
    named += [f"{more} more"] if more else []
    return [
        f"warning: {counted(len(pairing.unpaired), 'file')} of {folder} without a partner left "
        f"out: {', '.join(named)}; list them: spikerain-train prepare {folder} --json"
    ]


def counted(number: int, what: str) -> str:
    """`1 pair`, `2 pairs`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
