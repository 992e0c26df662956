"""Shows how a build gets on, and lets it be cancelled."""

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
    """What the build reported.

    Args:
        progress: whom to tell; nobody where none.
    """

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._steps: dict[str, int] = {}
        self._stopped = False
        self._raised: BaseException | None = None

    def start(self, phase: str, steps: int) -> None:
        """A phase begins."""
        self._steps[phase] = steps
        self._tell(phase, 0)

    def step(self, phase: str, done: int) -> bool:
        """A step is done; whether the build shall go on."""
        self._tell(phase, done)
        return not self._stopped

    def finish(self, phase: str) -> None:
        """A phase is over; it may have needed fewer steps than announced."""
        self._tell(phase, self._steps.get(phase, 0))

    def stop(self, reason: BaseException) -> None:
        """Ends the build at its next step; `reason` is raised then."""
        self._raised, self._stopped = reason, True

    def require_finished(self) -> None:
        """Raises what the caller's function raised, such as Ctrl-C.

        Raises:
            InputError: the build was cancelled.
        """
        if self._raised is not None:
            raise self._raised
        if self._stopped:
            raise InputError("the build of the engine was cancelled", "start the export again")

    def _tell(self, phase: str, done: int) -> None:
        if self._progress is None or self._stopped:
            return
        try:
            # Another thread may stop it meanwhile: that must not be overwritten.
            if not self._progress(phase, done, self._steps.get(phase, done)):
                self._stopped = True
        except BaseException as error:  # noqa: BLE001  C++ calls this: nothing may pass through it
            self._raised, self._stopped = error, True


def cancellable(build: Callable[[], _Built], watch: BuildWatch) -> _Built:
    """Runs a build that Ctrl-C cancels.

    TensorRT calls Python back at every step, and Python handles signals there; but an exception
    raised inside such a call would be swallowed. So the signal is noted, the next step ends the
    build, and only then is `KeyboardInterrupt` raised. Outside the main thread, which alone may
    handle signals, the build simply runs.

    Raises:
        BaseException: whatever ended the build.
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
    """TensorRT's own progress monitor, telling a watch."""
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
