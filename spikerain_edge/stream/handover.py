"""Bounded hand-over between threads."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Handover(Generic[Item]):
    """A queue of bounded length that either waits or lets the newest item win.

    Args:
        capacity: items it holds at most.
        drop_oldest: make room by dropping the oldest item instead of waiting; for live sources.
        dropped: called with every item that is dropped.
    """

    def __init__(
        self,
        capacity: int,
        *,
        drop_oldest: bool = False,
        dropped: Callable[[Item], None] = lambda item: None,
    ) -> None:
        self.dropped = 0
        self._tell_dropped = dropped
        self._capacity = capacity
        self._drop_oldest = drop_oldest
        self._items: deque[Item] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._error: BaseException | None = None

    @property
    def waiting(self) -> int:
        """How many items it holds."""
        return len(self._items)

    def put(self, item: Item) -> bool:
        """Hands over an item; false when nobody takes any more."""
        given_up: list[Item] = []
        with self._changed:
            while len(self._items) == self._capacity and not (self._closed or self._drop_oldest):
                self._changed.wait()
            if self._closed:
                return False
            if len(self._items) == self._capacity:
                given_up.append(self._items.popleft())
                self.dropped += 1
            self._items.append(item)
            self._changed.notify_all()
        for each in given_up:
            self._tell_dropped(each)
        return True

    def close(self, error: BaseException | None = None) -> None:
        """Nothing more will come; what is held is still handed out, then `error` is raised."""
        with self._changed:
            if not self._closed:
                self._closed = True
                self._error = error
            self._changed.notify_all()

    def __iter__(self) -> Iterator[Item]:
        while True:
            with self._changed:
                while not self._items and not self._closed:
                    self._changed.wait()
                if not self._items:
                    break
                item = self._items.popleft()
                self._changed.notify_all()
            yield item
        if self._error is not None:
            raise self._error
