"""Moves frames from a source through a function to sinks; all of them overlap."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import count, islice
from queue import SimpleQueue

import numpy as np

from spikerain_edge.errors import ModelError
from spikerain_edge.stream.distribution import Distribution
from spikerain_edge.stream.failures import together
from spikerain_edge.stream.frame import Frame
from spikerain_edge.stream.handover import Drop, Handover
from spikerain_edge.stream.processing import Function, FunctionLostError, Processing
from spikerain_edge.stream.scaling import scaled
from spikerain_edge.stream.sinks import Sink
from spikerain_edge.stream.sources import Source
from spikerain_edge.stream.traffic import Traffic

_CAPACITY = 4
# Seconds after which a frame of a camera is too old to be derained while a newer one waits.
_STALE = 0.5
# Seconds that a source has to end its last read.
_PATIENCE = 1.0
# Seconds that the function has, after a stop, until it is interrupted.
_LAST_CALL = 0.5
# Seconds that the sinks of a file have, after a stop, to take the frame that is derained already.
_LAST_FRAME = 10.0
_ALONE = nullcontext()


class Pipeline:
    """Capture, inference and each sink on a thread of its own.

    A file's frames are waited for and none is lost; of a live source the newest frames win. An
    image file that the function cannot take does not keep it from the others, nor does a sink that
    fails, is slow or blocked keep the others from the frames.

    Args:
        source: where frames come from.
        process: what happens to each image; see `Processing`.
        sinks: where results go.
        size: width and height to scale frames to first.
        max_frames: stop after so many frames; dropped ones do not count.
        side_by_side: write the input left of the result.
        drop: what gives way when a live source sends more than the function can take.
        turn: held during each call of the function; pipelines that share it take turns.
        shared: whether other sources share the function. Sinks of a live source are then tried
            again even if none has ever worked, rather than end the run. And when frames had to give
            way since its latest turn, all but the newest do, since the next turn may be far.
        interrupt: ends a call of the function early, where it can; called on another thread after
            `stop`, when the function takes too long.
        progress: called with every frame written.
        remember: called with each captured frame, before any are dropped; returns the frame with
            what the function needs besides the image.
    """

    def __init__(
        self,
        source: Source,
        process: Function,
        sinks: Sequence[Sink],
        *,
        size: tuple[int, int] | None = None,
        max_frames: int | None = None,
        side_by_side: bool = False,
        drop: Drop = Drop.OLDEST,
        turn: AbstractContextManager[None] = _ALONE,
        shared: bool = False,
        interrupt: Callable[[], None] = lambda: None,
        progress: Callable[[Frame], None] = lambda frame: None,
        remember: Callable[[Frame], Frame] = lambda frame: frame,
    ) -> None:
        self._source = source
        self._sinks = sinks
        self._size = size
        self._max_frames = max_frames
        self._side_by_side = side_by_side
        self._turn = turn
        self._shared = shared
        self._overrun = False
        self._interrupt = interrupt
        self._progress = progress
        self._remember = remember
        self._captured: Handover[Frame] = Handover(
            _CAPACITY,
            drop=drop if source.live else Drop.WAIT,
            stale=self._is_stale if source.live and drop is Drop.OLDEST else lambda frame: False,
        )
        self._failures: list[BaseException] = []
        self._inferred = threading.Event()
        self._stopped = self._interrupted = False
        # Unlike that of an event or a condition, its put may interrupt itself.
        self._wakes: SimpleQueue[None] = SimpleQueue()
        self._began: float | None = None
        self.traffic = Traffic()
        self._process = Processing(process, source, self.traffic, self._failures)

    @property
    def stuck(self) -> float:
        """Seconds that the latest frame has been in the function or on its way to the sinks."""
        since = self._process.since
        return 0.0 if since is None else time.perf_counter() - since

    @property
    def elapsed(self) -> float:
        """Seconds from the start until now, or until the end."""
        if self.traffic.elapsed or self._began is None:
            return self.traffic.elapsed
        return time.perf_counter() - self._began

    def stop(self) -> None:
        """Asks for an early end; what is derained already is still written.

        Safe in a signal handler. `run` returns even where a camera sends nothing any more.
        """
        self._stopped = True
        self._wakes.put(None)

    def run(self) -> Traffic:
        """Runs to the end of the source, to `max_frames` or to `stop`; then closes everything.

        Raises:
            SpikeRainError: source, function or a sink failed; what was written before is complete.
                It is what failed first, and names what failed besides.
        """
        start = self._began = time.perf_counter()
        failures = self._failures
        distribution = Distribution(
            self._sinks,
            live=self._source.live,
            persistent=self._shared,
            failures=failures,
            arrived=self._count,
            ended=self._captured.close,
        )
        self.traffic.sinks = distribution.traffic
        capture = threading.Thread(target=self._capture, name="capture", daemon=True)
        stopping = threading.Thread(
            target=self._end_when_stopped, args=(distribution,), name="stopping", daemon=True
        )
        # A signal's handler runs on this thread, so it must wait in Python and not in the function.
        inference = threading.Thread(
            target=self._infer_all, args=(distribution,), name="inference", daemon=True
        )
        for thread in (capture, stopping, inference):
            thread.start()
        try:
            inference.join()
        except BaseException as error:  # noqa: BLE001 - raised again when the sinks are closed
            failures.append(error)
            self.stop()
            inference.join()
        finally:
            self._captured.close()
            if self._source.live:
                self._source.close()
            closed = time.perf_counter()
            distribution.finish(lambda: self._stopped)
            self.traffic.dropped = self._captured.dropped + distribution.unwritten
            self.traffic.elapsed = time.perf_counter() - start
            self._wakes.put(None)
            # A camera had time for its last read while the sinks were closed.
            spent = time.perf_counter() - closed if self._source.live else 0.0
            capture.join(max(0.0, _PATIENCE - spent))
            if not self._source.live and not capture.is_alive():
                self._source.close()
        if failures:
            raise together(failures)
        return self.traffic

    def _capture(self) -> None:
        limit = None if self._source.live else self._max_frames
        try:
            for frame in islice(self._source, limit):
                ready = self._remember(scaled(frame, self._size))
                if self._stopped or not self._captured.put(ready):
                    break
            self._captured.close()
        except BaseException as error:  # noqa: BLE001 - raised again on the thread that waits
            self._captured.close(error)

    def _infer_all(self, distribution: Distribution) -> None:
        try:
            self._infer(distribution)
        except BaseException as error:  # noqa: BLE001 - raised again on the thread that waits
            # What has been interrupted, perhaps for another pipeline, fails because of that.
            lost = isinstance(error, (ModelError, FunctionLostError))
            if not (self._interrupted or (self._stopped and lost)):
                self._failures.append(error)
        finally:
            self._inferred.set()

    def _infer(self, distribution: Distribution) -> None:
        dropped = 0
        for _ in count() if self._max_frames is None else range(self._max_frames):
            if not self._captured.wait():
                break
            with self._turn:
                # Taken only now: newer frames may have come while others had their turns.
                self._overrun = self._shared and self._captured.dropped > dropped
                frame = self._captured.take()
                dropped = self._captured.dropped
                if frame is None or self._stopped:
                    break
                image = self._process(frame)
            if image is not None:
                shown = np.hstack([frame.image, image]) if self._side_by_side else image
                if not distribution.put(frame, shown):
                    break
                self.traffic.dropped = self._captured.dropped + distribution.unwritten
            self._process.since = None

    def _end_when_stopped(self, distribution: Distribution) -> None:
        """Wakes whoever waits for a camera or a sink, which a signal handler must not do itself."""
        self._wakes.get()
        self._captured.close()
        if not self._inferred.wait(_LAST_CALL):
            self._interrupted = True
            self._interrupt()
        if not self._inferred.wait(_LAST_FRAME):
            distribution.close()

    def _count(self, frame: Frame, writing: float, arrived: float) -> None:
        self.traffic.frames += 1
        self.traffic.writing.append(writing)
        self.traffic.whole_way.append(arrived - frame.captured)
        self._progress(frame)

    def _is_stale(self, frame: Frame) -> bool:
        return self._overrun or time.perf_counter() - frame.captured > _STALE
