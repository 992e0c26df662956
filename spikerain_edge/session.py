"""One run of a stream: opens the source, model and sinks, derains, and summarises the run."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from spikerain_edge.errors import InputError, SpikeRainError, StreamError
from spikerain_edge.files import require_distinct, require_writable, write_whole
from spikerain_edge.images import Image
from spikerain_edge.inference import Derainer
from spikerain_edge.inference.providers import provider_named
from spikerain_edge.models import find_model
from spikerain_edge.profiling.latency import percentiles_ms
from spikerain_edge.profiling.live import CostMeter, FrameCost
from spikerain_edge.stream.capture_options import CaptureOptions
from spikerain_edge.stream.frame import Frame
from spikerain_edge.stream.handover import Drop
from spikerain_edge.stream.live import LiveSource
from spikerain_edge.stream.pipeline import Pipeline, Traffic
from spikerain_edge.stream.recording import RecordingSink
from spikerain_edge.stream.retention import Limits
from spikerain_edge.stream.sinks import Sink, is_stream, is_video, may_replace, open_sink
from spikerain_edge.stream.sound import tell_lost
from spikerain_edge.stream.sources import Source, open_source
from spikerain_edge.stream.uris import without_password
from spikerain_edge.stream.video import VideoSource
from spikerain_edge.stream.video_sink import VideoSink

_log = logging.getLogger(__name__)
_PROBE_EVERY = 16


@dataclass(frozen=True)
class RunOptions:
    """Options of a run; see `spikerain-edge run --help`."""

    camera: str
    outputs: tuple[str, ...]
    model: str = "nano"
    size: tuple[int, int] | None = None
    max_frames: int | None = None
    side_by_side: bool = False
    backend: str = "cpu"
    threads: int | None = None
    json: str | None = None
    output_format: str = "mpegts"
    limits: Limits = field(default_factory=Limits)
    capture: CaptureOptions = field(default_factory=CaptureOptions)
    drop: Drop = Drop.OLDEST


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
            _check_outputs(options, self._source)
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
        text = f"{self.traffic.frames} frames written, {self.traffic.dropped} dropped"
        outages = self._source.outages if isinstance(self._source, LiveSource) else []
        if not outages:
            return text
        away = isinstance(self._source, LiveSource) and self._source.away
        latest = f", the camera has been away for {outages[-1].seconds:.0f} seconds" if away else ""
        return f"{text}, {len(outages)} outages{latest}"

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
            **_faults(self._source),
            "age_ms": self._ages(),
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

    def _ages(self) -> dict[str, float]:
        """How old a camera's frames were when the last output had them."""
        ages = percentiles_ms(self.traffic.whole_way) if self._source.live else {}
        return {rank: ages[rank] for rank in ("p50", "p99") if rank in ages}

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


def write_summary(summary: dict[str, Any], path: Path) -> None:
    """Writes a summary as a JSON file.

    Raises:
        StreamError: the file cannot be written.
    """
    try:
        write_whole(path, f"{json.dumps(summary, indent=2)}\n".encode())
    except OSError as error:
        raise StreamError(
            f"cannot write {path}: {error.strerror}", "name another file with --json"
        ) from error


def _faults(source: Source) -> dict[str, Any]:
    """Returns the faults of a live source for the summary."""
    if not isinstance(source, LiveSource):
        return {"corrupt": 0, "outages": []}
    outages = [outage.document() for outage in source.outages]
    return {"corrupt": source.corrupt, "outages": outages}


def _check_outputs(options: RunOptions, source: Source) -> None:
    """Checks that outputs replace neither each other nor an input.

    Raises:
        InputError: an output would overwrite an input or another output.
    """
    if options.limits != Limits() and not any(map(is_video, options.outputs)):
        raise InputError(
            "--segment, --keep and --min-free need a video, but no output is a video",
            "add a video, such as --output gate.mp4",
        )
    for output in options.outputs:
        if any(may_replace(output, path) for path in source.paths):
            raise InputError(
                f"{output} is the input, and the output would overwrite it",
                "name another output with --output",
            )
    if [*options.outputs, options.json].count("-") > 1:
        raise InputError(
            "standard output cannot take both frames and the summary, nor two videos",
            "name a file with --json",
        )
    files = find_model(options.model)
    models = [file.path for file in (files.graph, files.probe) if file is not None]
    files_written = [output for output in options.outputs if not is_stream(output)]
    written = [*files_written, *filter(None, [options.json])]
    require_distinct(written, [*source.paths, *models])


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
