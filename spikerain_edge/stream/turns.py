"""Turns at what only one thread may use at a time."""

from __future__ import annotations

import threading
from collections import deque


class Turns:
    """A lock that is given in the order in which it is asked for.

    Threads that ask again and again take turns: none gets it twice while another one waits.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[object] = deque()

    def __len__(self) -> int:
        """How many have or want it."""
        return len(self._waiting)

    def __enter__(self) -> None:
        mine = object()
        with self._changed:
            self._waiting.append(mine)
            try:
                self._changed.wait_for(lambda: self._waiting[0] is mine)
            except BaseException:
                self._waiting.remove(mine)
                self._changed.notify_all()
                raise

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._waiting.popleft()
            self._changed.notify_all()
