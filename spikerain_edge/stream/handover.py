"""Bounded hand-over between threads."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Drop(str, Enum):
    """Which item a full queue drops; with `wait`, none: the sender waits."""

    OLDEST = "oldest"
    LATEST = "latest"
    WAIT = "wait"


class Handover(Generic[Item]):
    """A queue of bounded length that waits when it is full, or drops its oldest or newest item.

    Args:
        capacity: items it holds at most.
        drop: what gives way when it is full; `wait` lets the giver wait.
        stale: whether an item is too old to be taken while a newer one waits.
        dropped: called with every item that is dropped.
    """

    def __init__(
        self,
        capacity: int,
        *,
        drop: Drop = Drop.WAIT,
        stale: Callable[[Item], bool] = lambda item: False,
        dropped: Callable[[Item], None] = lambda item: None,
    ) -> None:
        self.dropped = 0
        self._tell_dropped = dropped
        self._capacity = capacity
        self._drop = drop
        self._stale = stale
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
        with self._changed:
            while len(self._items) == self._capacity and self._waits:
                self._changed.wait()
            if self._closed:
                return False
            self._items.append(item)
            given_up = self._surplus()
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

    def wait(self) -> bool:
        """Waits for an item; false when nothing more comes.

        Raises:
            BaseException: what `close` was given, when the last item has been taken.
        """
        with self._changed:
            while not self._items and not self._closed:
                self._changed.wait()
            if self._items:
                return True
        if self._error is not None:
            raise self._error
        return False

    def take(self) -> Item | None:
        """Takes the next item; none if nothing waits."""
        with self._changed:
            if not self._items:
                return None
            given_up = self._aged()
            item = self._items.popleft()
            self._changed.notify_all()
        for each in given_up:
            self._tell_dropped(each)
        return item

    def __iter__(self) -> Iterator[Item]:
        while self.wait():
            item = self.take()
            if item is not None:
                yield item

    @property
    def _waits(self) -> bool:
        return self._drop is Drop.WAIT and not self._closed

    def _surplus(self) -> list[Item]:
        """Takes out what there is no room for."""
        if len(self._items) <= self._capacity:
            return []
        self.dropped += 1
        return [self._items.popleft() if self._drop is Drop.OLDEST else self._items.pop()]

    def _aged(self) -> list[Item]:
        """Takes out what is too old, unless nothing newer waits."""
        given_up = []
        while len(self._items) > 1 and self._stale(self._items[0]):
            given_up.append(self._items.popleft())
        self.dropped += len(given_up)
        return given_up
