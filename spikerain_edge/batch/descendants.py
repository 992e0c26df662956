"""Processes that this one has started, directly or not, from Linux's /proc."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

# A process: its number, and when it was started, since numbers are used again.
Process = tuple[int, str]


def descendants() -> set[Process]:
    """All processes below this one; none where there is no /proc."""
    parents = dict(_parents())
    found, level = set[Process](), {os.getpid()}
    while level:
        below = {process for process, parent in parents.items() if parent in level} - found
        found |= below
        level = {number for number, _ in below}
    return found


def end(processes: set[Process]) -> None:
    """Kills those of some processes that still run."""
    for number, _ in processes & {process for process, _ in _parents()}:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(number, signal.SIGKILL)


def _parents() -> Iterator[tuple[Process, int]]:
    """Each process of the system with the number of its parent."""
    for entry in Path("/proc").glob("[0-9]*"):
        # A process may end meanwhile.
        with suppress(OSError, IndexError, ValueError):
            # The name, in brackets, may hold spaces.
            fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
            yield (int(entry.name), fields[19]), int(fields[1])
