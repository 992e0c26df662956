"""Finds and kills the descendants of this process, using Linux's /proc."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

# A process: its number, and when it was started, since numbers are used again.
Process = tuple[int, str]


def descendants() -> set[Process]:
    """Returns all descendants of this process; none on systems without /proc."""
    parents = dict(_parents())
    found, level = set[Process](), {os.getpid()}
    while level:
        below = {process for process, parent in parents.items() if parent in level} - found
        found |= below
        level = {number for number, _ in below}
    return found


def end(processes: set[Process]) -> None:
    """Kills the given processes that still run."""
    for number, _ in processes & {process for process, _ in _parents()}:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(number, signal.SIGKILL)


def _parents() -> Iterator[tuple[Process, int]]:
    """Yields every process of the system with the id of its parent."""
    for entry in Path("/proc").glob("[0-9]*"):
        # A process may end meanwhile.
        with suppress(OSError, IndexError, ValueError):
            # The name, in brackets, may hold spaces.
            fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
            yield (int(entry.name), fields[19]), int(fields[1])
