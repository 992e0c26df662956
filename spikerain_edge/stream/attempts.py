"""Calls that may hang: they are left, never made twice at once, and their late results released."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Generic, TypeVar

from spikerain_edge.errors import StreamError

Result = TypeVar("Result")

# Seconds beyond a camera's own time-outs, which FFmpeg triples, after which an attempt hangs.
_SPARE = 5.0
_TIMES = 3
# Seconds after which an attempt that hangs is not expected to return any more.
_HOPELESS = 60.0


class HungError(StreamError):
    """A call into a library or driver does not return: only a new process can help."""


class Attempts(Generic[Result]):
    """Attempts to open a camera, each on a thread of its own.

    An exception of a signal handler ends the wait for it. An attempt that hangs is waited for again
    by the next call, so that their number does not grow.

    Args:
        function: opens it; may block, in the lookup of a name for example.
        release: receives a result that comes when nobody waits for it any more.
        label: what to call the camera in messages.
        patience: seconds that it may be silent.
    """

    def __init__(
        self,
        function: Callable[[], Result],
        release: Callable[[Result], None],
        label: str,
        patience: float,
    ) -> None:
        self._function = function
        self._release = release
        self._label = label
        self._patience = _TIMES * patience + _SPARE
        self._pending: Future[Result] | None = None
        self._begun = 0.0

    @property
    def hangs(self) -> bool:
        """Whether an attempt has been given up and has not returned yet."""
        return self._pending is not None

    def make(self) -> Result:
        """Makes an attempt, or waits for the one that hangs.

        Raises:
            HungError: it has not returned for more than a minute.
            StreamError: it does not return in time, or what the function raises.
        """
        if self._pending is None:
            self._begun = time.perf_counter()
            self._pending = self._started()
        future = self._pending
        try:
            returned, _ = wait([future], self._patience)
        except BaseException:
            self._pending = None
            future.add_done_callback(self._give_back)
            raise
        if not returned:
            raise self._hung()
        self._pending = None
        return future.result()

    def _hung(self) -> StreamError:
        seconds = time.perf_counter() - self._begun
        kind = HungError if seconds > _HOPELESS + self._patience else StreamError
        return kind(
            f"{self._label} cannot be opened: its driver or library does not return",
            "pull its plug, or start the program again",
        )

    def _started(self) -> Future[Result]:
        future: Future[Result] = Future()

        def call() -> None:
            try:
                future.set_result(self._function())
            except BaseException as error:  # noqa: BLE001 - raised again on the thread that waits
                future.set_exception(error)

        threading.Thread(target=call, name="opening", daemon=True).start()
        return future

    def _give_back(self, late: Future[Result]) -> None:
        if late.exception() is None:
            self._release(late.result())
