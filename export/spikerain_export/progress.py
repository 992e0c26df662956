"""Reports the progress of an export."""

from __future__ import annotations

from collections.abc import Callable

from spikerain_edge.errors import InputError

Progress = Callable[[str, int, int], bool]
"""Called with the name of a phase in English, its finished steps and its total steps.

Returns whether to continue; False cancels the export. Phases nest: one step of a phase may be a
whole phase of its own.
"""


def show(progress: Progress | None, phase: str, done: int = 0, steps: int = 1) -> None:
    """Reports a phase and its progress.

    Raises:
        InputError: `progress` returned False, which cancels the export.
    """
    if progress is not None and not progress(phase, done, steps):
        raise InputError("the export was cancelled", "nothing was written; start the export again")
