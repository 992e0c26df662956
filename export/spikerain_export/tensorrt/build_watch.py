"""Reports the progress of an engine build and allows cancelling it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar

from spikerain_edge.errors import InputError
from spikerain_edge.inference.tensorrt_library import Library
from spikerain_export.progress import Progress

_Built = TypeVar("_Built")


class BuildWatch:
    """Passes the progress of a build on, and remembers whether and why to cancel it.

    Args:
        progress: called with each step; None for no reports.
    """

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._steps: dict[str, int] = {}
        self._stopped = False
        self._raised: BaseException | None = None

    def start(self, phase: str, steps: int) -> None:
        """Reports that a phase begins."""
        self._steps[phase] = steps
        self._tell(phase, 0)

    def step(self, phase: str, done: int) -> bool:
        """Reports that a step is done; returns whether the build should continue."""
        self._tell(phase, done)
        return not self._stopped

    def finish(self, phase: str) -> None:
        """Reports that a phase has ended, possibly after fewer steps than announced."""
        self._tell(phase, self._steps.get(phase, 0))

    def stop(self, reason: BaseException) -> None:
        """Cancels the build at its next step; `require_finished` then raises `reason`."""
        self._raised, self._stopped = reason, True

    def require_finished(self) -> None:
        """Checks that the build was not cancelled.

        Raises:
            InputError: `progress` returned False, which cancels the build.
            BaseException: the exception that `progress` raised or that was given to `stop`, such
                as KeyboardInterrupt.
        """
        if self._raised is not None:
            raise self._raised
        if self._stopped:
            raise InputError("the build of the engine was cancelled", "start the export again")

    def _tell(self, phase: str, done: int) -> None:
        if self._progress is None or self._stopped:
            return
        try:
            # Only ever set to True: another thread may call `stop` at the same time.
            if not self._progress(phase, done, self._steps.get(phase, done)):
                self._stopped = True
        except BaseException as error:  # noqa: BLE001  called from C++, which cannot pass it on
            self._raised, self._stopped = error, True


def cancellable(build: Callable[[], _Built], watch: BuildWatch) -> _Built:
    """Runs a build that Ctrl-C can cancel.

    TensorRT calls Python at every step, where Python handles signals, but drops exceptions raised
    in such a call. So the signal is only recorded, the next step ends the build, and
    `require_finished` raises KeyboardInterrupt. In other threads than the main thread, which
    cannot handle signals, the build runs unchanged.

    Raises:
        BaseException: any exception that `build` raises.
    """
    if threading.current_thread() is not threading.main_thread():
        return build()

    def note(number: int, frame: FrameType | None) -> None:
        watch.stop(KeyboardInterrupt())

    before = signal.signal(signal.SIGINT, note)
    try:
        return build()
    finally:
        signal.signal(signal.SIGINT, before)


def make_monitor(library: Library, watch: BuildWatch) -> Any:
    """Creates a TensorRT progress monitor that reports to a watch."""
    base: Any = library.module.IProgressMonitor

    class Monitor(base):  # type: ignore[misc]
        def __init__(self) -> None:
            base.__init__(self)

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            watch.start(phase_name, num_steps)

        def step_complete(self, phase_name: str, step: int) -> bool:
            return watch.step(phase_name, step + 1)

        def phase_finish(self, phase_name: str) -> None:
            watch.finish(phase_name)

    return Monitor()
