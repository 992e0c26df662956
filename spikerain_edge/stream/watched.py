"""Calls into a driver on a thread of their own, so that one that does not return is noticed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from queue import SimpleQueue
from typing import Generic, TypeVar

Result = TypeVar("Result")


class Watched(Generic[Result]):
    """Calls a function, each time a result is asked for, always on the same thread.

    Args:
        function: may block.
        release: called on that thread at the end, never while the function runs.
    """

    def __init__(self, function: Callable[[], Result], release: Callable[[], None]) -> None:
        self._function = function
        self._release = release
        self._asked: SimpleQueue[Future[Result] | None] = SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="driver", daemon=True)
        self._thread.start()

    def next(self, seconds: float) -> Result:
        """The next result, or what the function raises.

        Raises:
            TimeoutError: the function has not returned in time.
        """
        result: Future[Result] = Future()
        self._asked.put(result)
        if not wait([result], seconds).done:
            raise TimeoutError
        return result.result()

    def close(self, seconds: float) -> None:
        """Releases at once, or as soon as the function returns; waits so long for that."""
        if not self._closed:
            self._closed = True
            self._asked.put(None)
        self._thread.join(seconds)

    def _work(self) -> None:
        while (result := self._asked.get()) is not None:
            try:
                result.set_result(self._function())
            except BaseException as error:  # noqa: BLE001 - raised again on the thread that waits
                result.set_exception(error)
        self._release()
