"""Opens the outputs of one source."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from spikerain_edge.run_options import RunOptions
from spikerain_edge.stream.sinks import Sink, is_video, open_sink
from spikerain_edge.stream.sound import tell_lost
from spikerain_edge.stream.sources import Source
from spikerain_edge.stream.uris import without_password
from spikerain_edge.stream.video import VideoSource
from spikerain_edge.stream.video_sink import VideoSink

_log = logging.getLogger(__name__)


def open_outputs(
    options: RunOptions, index: int, source: Source, expected: int | None
) -> list[Sink]:
    """Opens all outputs of a camera, or none.

    Args:
        options: options of the run.
        index: number of the camera.
        source: where its frames come from.
        expected: how many frames will come, where that is known.

    Raises:
        SpikeRainError: an output cannot be opened.
    """
    outputs, sinks = options.outputs_of(index), list[Sink]()
    with ExitStack() as opened:
        for name in outputs:
            sink = open_sink(
                name,
                source.rate,
                expected,
                live=source.live,
                limits=options.limits,
                output_format=options.output_format,
                sound=sound_of(source),
            )
            sinks.append(sink)
            opened.callback(sink.close)
        opened.pop_all()
    for name in outputs:
        _log.debug("writing %s", without_password(name))
    _tell_lost_sound(without_password(options.cameras[index]), source, outputs, sinks)
    return sinks


def sound_of(source: Source) -> Path | None:
    """The file whose sound belongs to the frames; None where there is no sound or no file."""
    if isinstance(source, VideoSource) and source.has_sound and source.paths:
        return source.paths[0]
    return None


def _tell_lost_sound(
    label: str, source: Source, outputs: Sequence[str], sinks: Sequence[Sink]
) -> None:
    """Warns, once, of a video that is written without the sound of its source."""
    copied = sound_of(source) is not None
    for output, sink in zip(outputs, sinks, strict=True):
        copies = copied and isinstance(sink, VideoSink)
        if is_video(output) and isinstance(source, VideoSource) and source.has_sound and not copies:
            tell_lost(label, output)
            return
