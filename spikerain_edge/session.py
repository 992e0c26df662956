"""One run of a stream: opens the source, model and sinks, derains, and summarises the run."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from spikerain_edge.errors import SpikeRainError
from spikerain_edge.files import require_writable
from spikerain_edge.images import Image
from spikerain_edge.inference import Derainer
from spikerain_edge.inference.providers import provider_named
from spikerain_edge.profiling.latency import percentiles_ms
from spikerain_edge.profiling.live import CostMeter, FrameCost
from spikerain_edge.run_options import RunOptions, check_outputs
from spikerain_edge.run_summary import camera_summary, status_line
from spikerain_edge.stream.frame import Frame
from spikerain_edge.stream.live import LiveSource
from spikerain_edge.stream.pipeline import Pipeline
from spikerain_edge.stream.recording import RecordingSink
from spikerain_edge.stream.sinks import Sink, is_video, open_sink
from spikerain_edge.stream.sound import tell_lost
from spikerain_edge.stream.sources import Source, open_source
from spikerain_edge.stream.traffic import Traffic
from spikerain_edge.stream.uris import without_password
from spikerain_edge.stream.video import VideoSource
from spikerain_edge.stream.video_sink import VideoSink

_log = logging.getLogger(__name__)
_PROBE_EVERY = 16


class Session:
    """A source, a derainer and sinks, opened and connected.

    Args:
        options: options of the run.
        progress: called with each frame after it is written.

    Raises:
        SpikeRainError: the model, the source or a sink cannot be opened; nothing was written.
    """

    def __init__(
        self, options: RunOptions, progress: Callable[[Frame], None] = lambda frame: None
    ) -> None:
        if options.json not in (None, "-"):
            require_writable(Path(options.json))
        self._options = options
        provider = provider_named(options.backend)
        with ExitStack() as opened:
            self._derainer = Derainer.load(
                options.model, provider=provider, threads=options.threads, probe=True
            )
            opened.callback(self._derainer.close)
            self._source = open_source(options.camera, options.capture)
            opened.callback(self._source.close)
            check_outputs(options, self._source)
            sinks: list[Sink] = []
            for name in options.outputs:
                sinks.append(self._opened_sink(name))
                opened.callback(sinks[-1].close)
            opened.pop_all()
        _tell_lost_sound(options, self._source, sinks)
        _log.debug("running %s on %s", self._derainer.spec.name, self._derainer.backend)
        _log.debug("reading %s", without_password(options.camera))
        for name in options.outputs:
            _log.debug("writing %s", without_password(name))
        self._costs = CostMeter(self._derainer.spec)
        self._seen = 0
        self._sinks = sinks
        self._pipeline = Pipeline(
            self._source,
            self._derain,
            sinks,
            size=options.size,
            max_frames=options.max_frames,
            side_by_side=options.side_by_side,
            drop=options.drop,
            progress=progress,
        )

    @property
    def expected(self) -> int | None:
        """Number of frames to expect; None if it is unknown."""
        known = [n for n in (self._source.length, self._options.max_frames) if n is not None]
        return min(known) if known else None

    @property
    def traffic(self) -> Traffic:
        """Counts and times of the frames so far."""
        return self._pipeline.traffic

    @property
    def cost(self) -> FrameCost | None:
        """Mean cost of a frame so far; None before the first frame."""
        return self._costs.mean()

    @property
    def stuck(self) -> float:
        """Seconds for which a frame has been worked on, or a camera's driver has not returned."""
        source = self._source
        hung = source.overdue if isinstance(source, LiveSource) else 0.0
        return max(self._pipeline.stuck, hung)

    @property
    def status(self) -> str:
        """One line about the run so far."""
        return status_line(self._source, self.traffic)

    def stop(self) -> None:
        """Requests an early end of the run; safe to call in a signal handler."""
        self._pipeline.stop()

    def cut(self) -> None:
        """Begins a new file of every recording; safe in a signal handler."""
        for sink in self._sinks:
            if isinstance(sink, RecordingSink):
                sink.cut()

    def run(self) -> None:
        """Runs the stream to its end.

        Raises:
            SpikeRainError: the source, the engine or a sink failed; written files are complete.
        """
        with self._derainer:
            self._pipeline.run()

    def summary(self, failure: SpikeRainError | None = None) -> dict[str, Any]:
        """Returns the summary that `--json` writes.

        Args:
            failure: the error that `run` raised, if any.
        """
        traffic, spec = self.traffic, self._derainer.spec
        cost = self.cost or FrameCost(0.0, None, None, None)
        fps = traffic.frames / traffic.elapsed if traffic.elapsed else 0.0
        return {
            "error": failure and failure.cause,
            "frames": traffic.frames,
            "dropped": traffic.dropped,
            "missing": self._source.missing + traffic.refused,
            "outputs": [asdict(sink) for sink in traffic.sinks],
            **camera_summary(self._source, traffic),
            "seconds": round(traffic.elapsed, 3),
            "fps": round(fps, 3),
            "latency_ms": percentiles_ms(traffic.inference),
            "end_to_end_ms": percentiles_ms(traffic.whole_way),
            "model": spec.name,
            "variant": spec.variant,
            "timesteps": spec.timesteps,
            "precision": spec.precision,
            "backend": self._derainer.backend,
            "gmacs_per_frame": _rounded(cost.gmacs),
            "firing_rate": _rounded(cost.firing_rate),
            "gsops_per_frame": _rounded(cost.gsops),
            "energy_mj_per_frame": _rounded(cost.energy_mj),
            "energy_prices": "snn-derain: 12.5 pJ per analogue MAC, 77 fJ per SOP; estimated, "
            "without memory traffic and neuron updates",
            "options": {
                **asdict(self._options),
                "camera": without_password(self._options.camera),
                "outputs": [without_password(output) for output in self._options.outputs],
            },
        }

    def _opened_sink(self, name: str) -> Sink:
        return open_sink(
            name,
            self._source.rate,
            self.expected,
            live=self._source.live,
            limits=self._options.limits,
            output_format=self._options.output_format,
            sound=_sound_of(self._source),
        )

    def _derain(self, image: Image) -> Image:
        """Derains a frame; for every 16th frame, the probe graph also reports firing rates."""
        height, width = self._derainer.padded_size(image)
        sampled = self._derainer.can_probe and self._seen % _PROBE_EVERY == 0
        self._seen += 1
        if sampled:
            derained, rates = self._derainer.derain_and_probe(image)
            self._costs.add(height, width, rates)
            return derained
        self._costs.add(height, width)
        return self._derainer(image)


def _sound_of(source: Source) -> Path | None:
    """The file whose sound belongs to the frames; None where there is no sound or no file."""
    if isinstance(source, VideoSource) and source.has_sound and source.paths:
        return source.paths[0]
    return None


def _tell_lost_sound(options: RunOptions, source: Source, sinks: list[Sink]) -> None:
    """Warns, once, of a video that is written without the sound of its source."""
    copied = _sound_of(source) is not None
    for output, sink in zip(options.outputs, sinks, strict=True):
        copies = copied and isinstance(sink, VideoSink)
        if is_video(output) and isinstance(source, VideoSource) and source.has_sound and not copies:
            tell_lost(without_password(options.camera), output)
            return


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
