"""Measures all formats of one model at one size, in turn, each in a process of its own."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from spikerain_edge.errors import SpikeRainError
from spikerain_edge.images import Image
from spikerain_edge.images.metrics import psnr
from spikerain_edge.images.scaling import crop_and_scale
from spikerain_edge.profiling.child import Child
from spikerain_edge.profiling.exported import is_untrained
from spikerain_edge.profiling.measurement import Timing, Workload, time_frames
from spikerain_edge.sizes import Size
from spikerain_edge.stream.demo import DemoScene
from spikerain_export.benchmark.document import Latency, Row
from spikerain_export.benchmark.plan import Entry, Files
from spikerain_export.truth import Scene, psnr_lost

# Pictures that agree to this many dB count as equal.
_EQUAL = 100.0
_MOMENTS = (0, 60)
_MEGA = 1e6


@dataclass(frozen=True)
class Settings:
    """How to measure.

    Attributes:
        rounds: how often all formats take their turn.
        iterations: timed frames of a format in a round.
        warmup: frames before them.
        threads: CPU threads; None for all cores.
        power: whether to read power rails.
    """

    rounds: int = 3
    iterations: int = 5
    warmup: int = 2
    threads: int | None = None
    power: bool = True


@dataclass
class _Contender:
    """A format with its process and what was found out about it."""

    row: Row
    work: Workload
    child: Child
    timings: list[Timing] = field(default_factory=list)
    pictures: list[Image] = field(default_factory=list)


def scenes(size: Size) -> list[Scene]:
    """Returns frames of the built-in street at a size, with the frame before, and without rain."""
    street = DemoScene()
    shown = [
        (street.rainy(moment), street.clean(moment), street.rainy(moment - 1))
        for moment in _MOMENTS
    ]
    return [Scene(*(crop_and_scale(image, *size) for image in images)) for images in shown]


def measure_size(
    model: str,
    size: Size,
    entries: Sequence[Entry],
    files: Files,
    settings: Settings,
    say: Callable[[str], None] = lambda text: None,
) -> list[Row]:
    """Measures all formats of a model at one size.

    Args:
        model: shipped model, path of an FP32 file, or untrained variant.
        size: height and width.
        entries: formats and back ends, the reference first.
        files: finds and makes their files.
        settings: how to measure.
        say: called with what is being done.

    Returns:
        One row per entry, in the same order. What could not be measured says why.
    """
    views = scenes(size)
    rows: dict[Entry, Row] = {}
    with ExitStack() as running:
        contenders: dict[Entry, _Contender] = {}
        for entry in entries:
            say(f"{model} at {size[1]}x{size[0]}: making {entry.format} for {entry.backend}")
            row = Row(Path(model).stem, entry.format, entry.backend, size)
            try:
                path, provider = files.find(model, entry, size)
            except SpikeRainError as error:
                rows[entry] = replace(row, reason=str(error))
                continue
            work = _workload(path, provider, views, settings)
            row = replace(row, size_mb=path.stat().st_size / _MEGA)
            contenders[entry] = _Contender(row, work, running.enter_context(Child()))
        for number in range(settings.rounds):
            say(f"{model} at {size[1]}x{size[0]}: round {number + 1} of {settings.rounds}")
            for entry in list(contenders):
                _take_turn(contenders[entry], views)
                if contenders[entry].row.reason:
                    rows[entry] = contenders.pop(entry).row
    reference = contenders.get(entries[0])
    for entry, contender in contenders.items():
        rows[entry] = _finished(contender, reference, views, trained=not is_untrained(model))
    return [rows[entry] for entry in entries]


def _workload(path: Path, provider: str, views: Sequence[Scene], settings: Settings) -> Workload:
    images = tuple(view.rainy for view in views)
    return Workload(
        str(path),
        images,
        provider,
        settings.threads,
        settings.warmup,
        settings.iterations,
        settings.power,
        tuple(view.previous for view in views if view.previous is not None),
    )


def _take_turn(contender: _Contender, views: Sequence[Scene]) -> None:
    """Runs a round of a format; in the first, it also makes the pictures."""
    try:
        contender.timings.append(contender.child.call(time_frames, contender.work))
        if not contender.pictures:
            contender.pictures = contender.child.call(derained, contender.work)
    except SpikeRainError as error:
        contender.row = replace(contender.row, reason=str(error))


def derained(work: Workload) -> list[Image]:
    """Derains the images of a workload."""
    with work.load() as derainer:
        return [derainer(*frames) for frames in work.shown(derainer.spec)]


def spikes_that_differ(first: Path, second: Path, scenes: Sequence[Scene]) -> float:
    """Returns the share of spikes that differ between two graphs, mean over layers.

    Raises:
        ModelError: a file is not a SpikeRain graph.
    """
    from spikerain_export.artefact import unseal
    from spikerain_export.origin import Graph
    from spikerain_export.spikes import spike_differences

    one, two = (Graph(*unseal(path.read_bytes(), str(path))) for path in (first, second))
    return statistics.fmean(each.share for each in spike_differences(one, two, scenes))


def _finished(
    contender: _Contender, reference: _Contender | None, views: Sequence[Scene], *, trained: bool
) -> Row:
    """Returns the row of a format that ran in every round."""
    row, timings = contender.row, contender.timings
    seconds = [value for timing in timings for value in timing.stages.whole]
    p50, p90 = (float(value) * 1e3 for value in np.percentile(seconds, (50, 90)))
    used = [timing.power.joules for timing in timings if timing.power.joules is not None]
    frames = sum(timing.frames for timing in timings)
    row = replace(
        row,
        latency_ms=Latency(round(p50, 3), round(p90, 3)),
        fps=round(1e3 / p50, 3),
        peak_memory_mb=round(max(timing.peak for timing in timings) / _MEGA, 1),
        joules_per_frame=sum(used) / frames if len(used) == len(timings) else None,
    )
    if reference is None:
        return row
    pairs = list(zip(reference.pictures, contender.pictures, strict=True))
    agreement = psnr(np.stack(reference.pictures), np.stack(contender.pictures))
    truths = [view.clean for view in views if view.clean is not None]
    lost = [psnr_lost(truth, *pair) for truth, pair in zip(truths, pairs, strict=True)]
    return replace(
        row,
        psnr_to_fp32=round(min(agreement, _EQUAL), 2),
        psnr_lost=round(statistics.fmean(lost), 4) if trained else None,
        spikes_differ=_spikes(reference, contender, views),
    )


def _spikes(reference: _Contender, contender: _Contender, views: Sequence[Scene]) -> float | None:
    """Share of spikes that differ; None where it is not known.

    Graphs are compared with ONNX Runtime, whatever ran them, so nothing is known of the same graph
    with another back end, nor of engines, nor without the package onnx.
    """
    first, second = Path(reference.work.model), Path(contender.work.model)
    if contender is reference:
        return 0.0
    if first == second or second.suffix != ".onnx":
        return None
    try:
        with Child() as child:
            return round(child.call(spikes_that_differ, first, second, views), 6)
    except (SpikeRainError, RuntimeError):
        return None
