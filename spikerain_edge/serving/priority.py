"""Lets the run go first where it and its viewers want the same core."""

from __future__ import annotations

import os
import threading
from contextlib import suppress

_LOWER, _LOWEST = 10, 19


def give_way() -> None:
    """Lowers the priority of the calling thread; each thread of Linux has a nice value of its own.

    It then gets about a tenth of a core that the run keeps busy, and all of an idle one.
    """
    thread = threading.get_native_id()
    # A sandbox may forbid the call; the pace of the pictures is bounded in any case.
    with suppress(OSError):
        nice = os.getpriority(os.PRIO_PROCESS, thread)
        os.setpriority(os.PRIO_PROCESS, thread, min(nice + _LOWER, _LOWEST))
