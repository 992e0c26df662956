"""One camera of a run: its source, its outputs, and the pipeline between them."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from queue import SimpleQueue

from spikerain_edge.camera_now import CameraNow
from spikerain_edge.errors import SpikeRainError
from spikerain_edge.gate import NO_REPORT
from spikerain_edge.images import Image
from spikerain_edge.metered import MeteredDerainer, SharedEngine
from spikerain_edge.profiling.live import CostMeter
from spikerain_edge.run_options import RunOptions
from spikerain_edge.run_outputs import open_outputs
from spikerain_edge.run_summary import CameraRecord
from spikerain_edge.stream.frame import Frame
from spikerain_edge.stream.gate_mode import GateMode
from spikerain_edge.stream.live import LiveSource
from spikerain_edge.stream.memory import SourceMemory
from spikerain_edge.stream.outages import Outages
from spikerain_edge.stream.pipeline import Pipeline
from spikerain_edge.stream.rain_gate import StreamGate
from spikerain_edge.stream.recording import RecordingSink
from spikerain_edge.stream.sinks import Sink
from spikerain_edge.stream.sources import Source, open_source
from spikerain_edge.stream.stills import ImageSource
from spikerain_edge.stream.traffic import Traffic
from spikerain_edge.stream.uris import without_password

_log = logging.getLogger(__name__)
Show = Callable[[int, Image, Image], None]


def show_nobody(camera: int, before: Image, after: Image) -> None:
    """Shows the images of a camera to nobody."""


class CameraStream:
    """A camera, its outputs, and the way between them.

    Args:
        options: options of the run.
        index: number of the camera in `options.cameras`.
        engine: what it shares with other cameras.
        progress: called with each frame after it is written.
        show: called with the number of the camera and each image before and after the network.

    Attributes:
        label: what to call it in messages, without password.
        source: where its frames come from; none until it is open.
    """

    def __init__(
        self,
        options: RunOptions,
        index: int,
        engine: SharedEngine,
        progress: Callable[[Frame], None],
        show: Show = show_nobody,
    ) -> None:
        self.label = without_password(options.cameras[index])
        self.source: Source | None = None
        self._options = options
        self._index = index
        self._turns = engine.turns
        self._interrupt = engine.derainer.interrupt
        self._derain = MeteredDerainer(engine.derainer)
        self._engine = engine
        self._gate: StreamGate | None = None
        self._memory: SourceMemory | None = None
        self._progress = progress
        self._show = show
        self._sinks: list[Sink] = []
        self._pipeline: Pipeline | None = None
        self._failure: SpikeRainError | None = None
        self._absent = Outages()
        self._stopped = False
        # Unlike that of an event or a condition, its put may interrupt itself.
        self._news: SimpleQueue[BaseException | None] = SimpleQueue()

    @property
    def expected(self) -> int | None:
        """Number of frames to expect; None if it is unknown."""
        length = None if self.source is None else self.source.length
        known = [number for number in (length, self._options.max_frames) if number is not None]
        return min(known) if known else None

    @property
    def traffic(self) -> Traffic:
        """Counts and times of its frames so far."""
        return Traffic() if self._pipeline is None else self._pipeline.traffic

    @property
    def costs(self) -> CostMeter:
        """What its frames have cost so far."""
        return self._derain.costs

    @property
    def stuck(self) -> float:
        """Seconds for which a frame has been worked on, or the driver has not returned."""
        hung = self.source.overdue if isinstance(self.source, LiveSource) else 0.0
        return max(0.0 if self._pipeline is None else self._pipeline.stuck, hung)

    @property
    def record(self) -> CameraRecord:
        """What has become of it so far."""
        source, traffic = self.source, self.traffic
        if self._pipeline is not None:
            traffic = replace(traffic, elapsed=self._pipeline.elapsed)
        watched = source if isinstance(source, LiveSource) else None
        return CameraRecord(
            traffic=traffic,
            costs=(self.costs,),
            missing=traffic.refused + (source.missing if source else 0),
            corrupt=watched.corrupt if watched else 0,
            outages=watched.outages if watched else self._absent.all(),
            away=watched.away if watched else self._absent.open,
            ages=tuple(traffic.whole_way) if source and source.live else (),
            failure=self._failure,
            rain=self._gate.report if self._gate else NO_REPORT,
            restarts=self._memory.restarts if self._memory else None,
        )

    @property
    def now(self) -> CameraNow:
        """How it is doing now."""
        source, traffic = self.source, self.traffic
        return CameraNow(
            away=source.away if isinstance(source, LiveSource) else self._absent.open,
            ended=self._failure is not None,
            inference=traffic.inference,
            ages=traffic.whole_way if source and source.live else deque(),
            cost=self.costs.mean(),
            firing_rates=self.costs.firing_rates,
        )

    def open(self) -> None:
        """Opens its source.

        Raises:
            SpikeRainError: the source cannot be opened.
        """
        source = open_source(self._options.cameras[self._index], self._options.capture)
        self.source = source
        # Whoever waited for it may have given up.
        if self._stopped:
            source.close()

    def connect(self) -> None:
        """Opens its outputs, once its source is open.

        Raises:
            SpikeRainError: an output cannot be opened.
        """
        source, options, engine = self.source, self._options, self._engine
        if source is None:
            return
        self._sinks = open_outputs(options, self._index, source, self.expected)
        _log.debug("reading %s", self.label)
        if options.gate is GateMode.AUTO:
            self._gate = StreamGate(
                source,
                self.label,
                self._derain,
                engine.tester,
                apart=engine.tester is not engine.derainer,
            )
        if engine.derainer.spec.reads_video:
            self._memory = SourceMemory(source)
            self._tell_stills(source)
        self._pipeline = Pipeline(
            source,
            self._process,
            self._sinks,
            size=options.size,
            max_frames=options.max_frames,
            side_by_side=options.side_by_side,
            drop=options.drop,
            turn=self._turns,
            interrupt=self._interrupt,
            shared=len(options.cameras) > 1,
            progress=self._progress,
            remember=self._memory or (lambda frame: frame),
        )

    def run(self) -> None:
        """Moves frames until the source ends; waits for the camera first where it is not open.

        Raises:
            SpikeRainError: the source, the engine or an output failed; what is written is complete.
        """
        try:
            if self.source is None:
                self._await()
            if self._pipeline is None:
                return
            # `stop` may have come before there was anything to stop.
            if self._stopped:
                self._pipeline.stop()
            self._pipeline.run()
        except SpikeRainError as error:
            self._failure = error
            raise

    def stop(self) -> None:
        """Requests an early end; safe in a signal handler."""
        self._stopped = True
        self._news.put(None)
        if self._pipeline is not None:
            self._pipeline.stop()

    def cut(self) -> None:
        """Begins a new file of every recording; safe in a signal handler."""
        for sink in self._sinks:
            if isinstance(sink, RecordingSink):
                sink.cut()

    def close(self) -> None:
        """Closes what is open, where it has not been run."""
        self._stopped = True
        if self.source is not None:
            self.source.close()
        for sink in self._sinks:
            sink.close()

    def _tell_stills(self, source: Source) -> None:
        """Says that a video model gets pictures without a frame before them."""
        if isinstance(source, ImageSource):
            name = self._engine.derainer.spec.name
            _log.info("%s is a video model: it derains each image file as a still picture", name)

    def _process(self, image: Image, previous: Image | None = None) -> Image:
        derained = (self._gate or self._derain)(image, previous)
        self._show(self._index, image, derained)
        return derained

    def _await(self) -> None:
        """Opens it, however long that takes; `stop` ends the wait."""
        self._absent.begin(time.perf_counter())
        threading.Thread(target=self._open_late, name="waiting", daemon=True).start()
        failure = self._news.get()
        self._absent.end()
        if failure is not None:
            raise failure
        if not self._stopped:
            self.connect()

    def _open_late(self) -> None:
        failure: BaseException | None = None
        try:
            self.open()
        except BaseException as error:  # noqa: BLE001 - raised again on the thread that waits
            failure = error
        self._news.put(failure)
