"""One sink on a thread of its own: what it is sent, what became of it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from spikerain_edge.errors import SpikeRainError, StreamError
from spikerain_edge.images import Image
from spikerain_edge.stream.frame import Frame
from spikerain_edge.stream.handover import Drop, Handover
from spikerain_edge.stream.receiver_sink import ReceiverGoneError
from spikerain_edge.stream.sinks import Sink

_log = logging.getLogger(__name__)
# Frames that wait for a sink. Those of a camera ride out a pause of a third of a second at 25/s.
_WAITING = 4
_WAITING_LIVE = 8
# Seconds after which a frame of a camera is too old to be written while a newer one waits.
_STALE = 0.5
# Seconds until a sink that failed is tried again, and until one that is blocked is reported.
_RETRY = 2.0
_BLOCKED = 1.5
# Failures that are remembered: a folder may hold very many images that cannot be written.
_MOST_FAILURES = 1000


@dataclass
class SinkTraffic:
    """What became of the frames that one sink was sent.

    Attributes:
        output: what the sink is called in messages.
        written: frames that it has.
        dropped: frames of a live source that were too old when it had time for them.
        failed: frames that could not be written, or that came while it could not be written to.
    """

    output: str
    written: int = 0
    dropped: int = 0
    failed: int = 0


class Delivery:
    """One image for all sinks; reports when every sink is done with it.

    Args:
        frame: where the image comes from.
        image: what is written.
        sinks: how many sinks it is for.
        done: called with the delivery after the last of them.

    Attributes:
        arrived: when the latest sink had it, on the clock of `time.perf_counter`; none yet.
        writing: longest time that a sink took, in seconds.
    """

    def __init__(
        self, frame: Frame, image: Image, sinks: int, done: Callable[[Delivery], None]
    ) -> None:
        self.frame = frame
        self.image = image
        self.arrived: float | None = None
        self.writing = 0.0
        self._open = sinks
        self._done = done
        self._lock = threading.Lock()

    def settle(self, start: float | None = None) -> None:
        """A sink has it, and took from `start` until now; or will never have it."""
        with self._lock:
            if start is not None:
                self.arrived = time.perf_counter()
                self.writing = max(self.writing, self.arrived - start)
            self._open -= 1
            last = self._open == 0
        if last:
            self._done(self)


class Outlet:
    """A sink, its thread and the frames that wait for it.

    Of a file every frame is waited for. A live source is never held up: the newest frames win, and
    a sink that fails is tried again every two seconds.

    Args:
        sink: where frames go; closed at the end.
        live: whether the source is live.
        failures: receives the errors that the run ends with.
        changed: called when the sink fails or takes no more frames.
    """

    def __init__(
        self,
        sink: Sink,
        *,
        live: bool,
        failures: list[BaseException],
        changed: Callable[[], None],
    ) -> None:
        self.traffic = SinkTraffic(sink.label)
        self._sink = sink
        self._live = live
        self._failures = failures
        self._changed = changed
        self._queue: Handover[Delivery] = Handover(
            _WAITING_LIVE if live else _WAITING,
            drop=Drop.OLDEST if live else Drop.WAIT,
            dropped=self._drop,
        )
        self._failing: SpikeRainError | None = None
        self._retry = 0.0
        self._ended = False
        self._busy_since: float | None = None
        self._current: Delivery | None = None
        self._blocked = False
        self._counting = threading.Lock()
        self._thread = threading.Thread(target=self._run, name=f"sink {sink.label}", daemon=True)

    @property
    def ended(self) -> bool:
        """Whether it takes no more frames."""
        return self._ended

    @property
    def hopeless(self) -> bool:
        """Whether it takes no more frames, or has failed and never written one."""
        return self._ended or (self._failing is not None and not self.traffic.written)

    def start(self) -> None:
        """Starts its thread."""
        self._thread.start()

    def put(self, delivery: Delivery) -> None:
        """Sends it a frame; waits for room unless the source is live."""
        if not self._queue.put(delivery):
            self._fail(delivery)

    def close(self) -> None:
        """No more frames come; those that wait are still written."""
        self._queue.close()

    def join(self, seconds: float) -> bool:
        """Waits until the sink is closed; whether it is."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def abandon(self) -> None:
        """Gives up a sink that is blocked: what it has not taken counts as failed."""
        self._ended = True
        self._queue.close()
        if self._current is not None:
            self._fail(self._current)
        for delivery in self._queue:
            self._fail(delivery)

    def _run(self) -> None:
        try:
            for delivery in self._queue:
                self._send(delivery)
                if self._ended:
                    break
        except BaseException as error:  # noqa: BLE001 - raised again on the thread that waits
            self._failures.append(error)
        finally:
            self._end()

    def _send(self, delivery: Delivery) -> None:
        start = time.perf_counter()
        old = start - delivery.frame.captured > _STALE
        if self._live and old and self._queue.waiting:
            self._drop(delivery)
        elif start < self._retry:
            self._fail(delivery)
        else:
            self._write(delivery, start)

    def _write(self, delivery: Delivery, start: float) -> None:
        self._busy_since, self._current = start, delivery
        try:
            self._sink.write(delivery.frame, delivery.image)
        except SpikeRainError as error:
            self._fail(delivery)
            self._failed(error)
        except BaseException:
            self._fail(delivery)
            raise
        else:
            self.traffic.written += 1
            self._recovered()
            delivery.settle(start)
        finally:
            self._busy_since = self._current = None

    def _failed(self, error: SpikeRainError) -> None:
        lasting = not isinstance(error, StreamError) or isinstance(error, ReceiverGoneError)
        if not self._live:
            lasting = lasting or not self._sink.separate
            if len(self._failures) < _MOST_FAILURES:
                self._failures.append(error)
        elif lasting:
            self._failures.append(error)
        else:
            if self._failing is None:
                _log.warning("%s; the stream goes on without it", error)
            self._failing = error
            self._retry = 0.0 if self._sink.separate else time.perf_counter() + _RETRY
        self._ended = lasting
        self._changed()

    def _recovered(self) -> None:
        if self._failing is not None:
            _log.warning("%s is written again", self.traffic.output)
        elif self._blocked:
            _log.warning("%s takes frames again", self.traffic.output)
        self._failing, self._blocked = None, False

    def _drop(self, delivery: Delivery) -> None:
        since = self._busy_since
        if since and not self._blocked and time.perf_counter() - since > _BLOCKED:
            self._blocked = True
            _log.warning(
                "%s is blocked; the stream goes on without it, check what reads it",
                self.traffic.output,
            )
        with self._counting:
            self.traffic.dropped += 1
        delivery.settle()

    def _fail(self, delivery: Delivery) -> None:
        with self._counting:
            self.traffic.failed += 1
        delivery.settle()

    def _end(self) -> None:
        self._ended = True
        self._queue.close()
        for delivery in self._queue:
            self._fail(delivery)
        if self._failing is not None:
            self._failures.append(self._failing)
        try:
            self._sink.close()
        except Exception as error:  # noqa: BLE001 - raised again on the thread that waits
            self._failures.append(error)
        self._changed()
