"""Several streams at once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Protocol

from spikerain_edge.errors import ModelError, SpikeRainError
from spikerain_edge.stream.failures import together
from spikerain_edge.stream.processing import FunctionLostError

_log = logging.getLogger(__name__)


class Run(Protocol):
    """A stream that runs until its source ends, until `stop`, or until it fails.

    Attributes:
        label: what to call it in messages.
    """

    label: str

    def run(self) -> None:
        """Moves frames; raises SpikeRainError where that fails."""
        ...

    def stop(self) -> None:
        """Requests an early end."""
        ...


def run_all(runs: Sequence[Run]) -> None:
    """Runs streams to their ends, each on a thread of its own; a single one on this thread.

    A stream that fails does not end the others, unless what failed is the model that they share.
    A bug ends all.

    Raises:
        SpikeRainError: a stream failed; it is what failed first, and names what failed besides.
    """
    if len(runs) == 1:
        runs[0].run()
        return
    failures: list[BaseException] = []
    threads = [
        threading.Thread(
            target=_attempt, args=(run, runs, failures), name=f"stream {run.label}", daemon=True
        )
        for run in runs
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise together(failures)


def _attempt(run: Run, runs: Sequence[Run], failures: list[BaseException]) -> None:
    """Runs one stream; ends all where the reason for its failure is one that they share."""
    try:
        run.run()
    except BaseException as error:  # noqa: BLE001 - raised again on the thread that waits
        failures.append(error)
        alone = isinstance(error, SpikeRainError) and not isinstance(
            error, (ModelError, FunctionLostError)
        )
        if alone:
            event = {"event": "camera_ended", "camera": run.label}
            _log.error("%s has ended: %s", run.label, error, extra=event)
            return
        for each in runs:
            each.stop()


def call_all(functions: Sequence[Callable[[], None]]) -> None:
    """Calls functions at once, each on a thread of its own; a single one on this thread.

    An exception of a signal handler ends the wait; the threads are then left behind.

    Raises:
        BaseException: a function failed; it is the error of the first one, and names the others.
    """
    if len(functions) == 1:
        functions[0]()
        return

    def attempt(function: Callable[[], None], outcome: Future[None]) -> None:
        try:
            function()
        except BaseException as error:  # noqa: BLE001 - raised again on the calling thread
            outcome.set_exception(error)
        else:
            outcome.set_result(None)

    outcomes: list[Future[None]] = [Future() for _ in functions]
    for pair in zip(functions, outcomes, strict=True):
        threading.Thread(target=attempt, args=pair, name="opening", daemon=True).start()
    failures = [error for outcome in outcomes if (error := outcome.exception()) is not None]
    if failures:
        raise together(failures)
