"""Options of a run, and checks of what they name together."""

from __future__ import annotations

from dataclasses import dataclass, field

from spikerain_edge.errors import InputError
from spikerain_edge.files import require_distinct
from spikerain_edge.models import find_model
from spikerain_edge.stream.capture_options import CaptureOptions
from spikerain_edge.stream.handover import Drop
from spikerain_edge.stream.retention import Limits
from spikerain_edge.stream.sinks import is_stream, is_video, may_replace
from spikerain_edge.stream.sources import Source


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


def check_outputs(options: RunOptions, source: Source) -> None:
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
