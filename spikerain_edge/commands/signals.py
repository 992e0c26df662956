"""Signals that end a run in order."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import typer

from spikerain_edge.commands.waking import waking_main_thread

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Signals:
    """Ends a run in order at the first Ctrl-C, SIGTERM or SIGHUP; a second one kills.

    SIGUSR1 begins new files of recordings. The system sends SIGHUP when the terminal is closed,
    unless the command runs under `nohup`.

    Attributes:
        received: number of the signal that ends the run; none yet.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._stop: Callable[[], None] | None = None
        self._cut: Callable[[], None] = lambda: None

    def begun(self, stop: Callable[[], None], cut: Callable[[], None]) -> None:
        """The run has begun; before, the program exits at once, since nothing is written yet.

        Args:
            stop: asks the run for its end.
            cut: asks recordings for new files.
        """
        self._stop, self._cut = stop, cut
        # A library that was being loaded may have caught what the handler raised.
        if self.received is not None:
            stop()

    @contextmanager
    def handled(self) -> Iterator[None]:
        """Within it signals are handled so; afterwards as before."""
        numbers = [number for number in _ENDING if signal.getsignal(number) is not signal.SIG_IGN]
        before = {number: signal.signal(number, self._end) for number in numbers}
        before[signal.SIGUSR1] = signal.signal(signal.SIGUSR1, lambda number, frame: self._cut())
        try:
            with waking_main_thread():
                yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _end(self, number: int, frame: FrameType | None) -> None:
        self.received = number
        for each in _ENDING:
            if signal.getsignal(each) == self._end:
                signal.signal(each, signal.SIG_DFL)
        if self._stop is None:
            raise typer.Exit(128 + number)
        self._stop()
