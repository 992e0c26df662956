"""Shows how an export gets on."""

from __future__ import annotations

import logging
from collections.abc import Callable

from spikerain_edge.errors import InputError

Progress = Callable[[str, int, int], bool]
"""Called with a phase in English, the steps of it that are done, and all of them; false cancels.

Phases nest: a step of one may be a whole phase of its own.
"""

_log = logging.getLogger(__name__)


def show(progress: Progress | None, phase: str, done: int = 0, steps: int = 1) -> None:
    """Tells what is being done.

    Raises:
        InputError: the export was cancelled.
    """
    if done == 0:
        _log.debug("%s", phase)
    if progress is not None and not progress(phase, done, steps):
        raise InputError("the export was cancelled", "nothing was written: start it again")
