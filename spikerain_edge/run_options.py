"""Options of a run, and checks of what they name together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

from spikerain_edge.errors import InputError
from spikerain_edge.files import require_distinct
from spikerain_edge.models import IMAGE_MODEL, VIDEO_MODEL, find_model
from spikerain_edge.sizes import Tile
from spikerain_edge.stream.capture_options import CaptureOptions
from spikerain_edge.stream.gate_mode import GateMode
from spikerain_edge.stream.handover import Drop
from spikerain_edge.stream.retention import Limits
from spikerain_edge.stream.sinks import is_null, is_stream, is_video, may_replace
from spikerain_edge.stream.sources import Source, sends_video
from spikerain_edge.stream.uris import local_path, without_password

# What stands in the name of an output for the number of a camera. Credentials have capitals only.
CAMERA = "{camera}"


@dataclass(frozen=True)
class RunOptions:
    """Options of a run; see `spikerain-edge run --help`."""

    cameras: tuple[str, ...]
    outputs: tuple[str, ...]
    model: str = IMAGE_MODEL
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
    tile: Tile | None = None
    gate: GateMode = GateMode.OFF

    def outputs_of(self, index: int) -> tuple[str, ...]:
        """The outputs of the camera with this number, which stands where they have `{camera}`."""
        return tuple(output.replace(CAMERA, str(index)) for output in self.outputs)


def usual_model(cameras: Sequence[str]) -> str:
    """Returns the model for cameras if the user names none: that for video if all send video."""
    return VIDEO_MODEL if all(map(sends_video, cameras)) else IMAGE_MODEL


def check_cameras(options: RunOptions) -> None:
    """Checks that each of several cameras has outputs of its own.

    Raises:
        InputError: an output would have to take the frames of several cameras.
    """
    if len(options.cameras) == 1:
        return
    for output in options.outputs:
        if output == "-":
            raise InputError(
                f"standard output cannot take the frames of {len(options.cameras)} cameras",
                "run one camera, or name files, folders or servers with {camera} in their names",
            )
        if CAMERA not in output and not is_null(output):
            raise InputError(
                f"{len(options.cameras)} cameras cannot share the output "
                f"{without_password(output)}",
                f"type --output {_with_camera(without_password(output))}",
            )


def check_outputs(options: RunOptions, sources: Sequence[Source]) -> None:
    """Checks that outputs replace neither each other nor an input.

    Args:
        options: options of the run.
        sources: the sources that are open.

    Raises:
        InputError: an output would overwrite an input or another output.
    """
    read = [path for source in sources for path in source.paths]
    outputs = [
        output
        for index in range(len(options.cameras))
        for output in options.outputs_of(index)
        if index == 0 or not is_null(output)
    ]
    if options.limits != Limits() and not any(map(is_video, outputs)):
        raise InputError(
            "--segment, --keep and --min-free need a video, but no output is a video",
            "add a video, such as --output gate.mp4",
        )
    for output in outputs:
        if any(may_replace(output, path) for path in read):
            raise InputError(
                f"{output} is the input, and the output would overwrite it",
                "name another output with --output",
            )
    if [*outputs, options.json].count("-") > 1:
        raise InputError(
            "standard output cannot take both frames and the summary, nor two videos",
            "name a file with --json",
        )
    files = find_model(options.model)
    models = [file.path for file in (files.graph, files.probe) if file is not None]
    files_written = [output for output in outputs if not is_stream(output)]
    written = [*files_written, *filter(None, [options.json])]
    require_distinct(written, [*read, *models])


def _with_camera(output: str) -> str:
    """The same output with the place where the number of the camera belongs."""
    path = local_path(output)
    if path is None or is_stream(output):
        return f"{output}{CAMERA}"
    if output.endswith("/") or not PurePath(output).suffix:
        return f"{output.rstrip('/')}/{CAMERA}/"
    stem, suffix = output.removesuffix(PurePath(output).suffix), PurePath(output).suffix
    return f"{stem}_{CAMERA}{suffix}"
