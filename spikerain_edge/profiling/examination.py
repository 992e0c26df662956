"""Times, counts and observes one image size in a process of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2

from spikerain_edge.errors import SpikeRainError
from spikerain_edge.images import Image
from spikerain_edge.inference.providers import CPU
from spikerain_edge.models import find_model
from spikerain_edge.profiling.child import Child
from spikerain_edge.profiling.measurement import Workload, observe_neurons, time_frames
from spikerain_edge.profiling.operations import count_operations
from spikerain_edge.profiling.records import Size
from spikerain_edge.profiling.rows import Findings
from spikerain_edge.spec import ModelSpec

Frames = Callable[[int, int], Sequence[Image]]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ProfileOptions:
    """What to profile; see `spikerain-edge profile --help`.

    Attributes:
        model: shipped model or path.
        sizes: height and width of each row.
        images: what to call the frames.
        frames_note: what a reader has to know about them; empty where nothing.
        model_note: what a reader has to know about the model; empty where nothing.
        provider: ONNX Runtime execution provider.
        threads: threads within an operator; all cores where none.
        warmup: frames before the timed ones.
        iterations: timed frames per size.
        power: whether to look for power rails.
        neuron_cost: whether emitted spikes have a price of their own.
        board: board to look ahead to.
        neuromorphic: whether to compute what neuromorphic chips would need.
    """

    model: str
    sizes: tuple[Size, ...]
    images: str = "demo"
    frames_note: str = ""
    model_note: str = ""
    provider: str = CPU
    threads: int | None = None
    warmup: int = 5
    iterations: int = 50
    power: bool = True
    neuron_cost: bool = False
    board: str | None = None
    neuromorphic: bool = False

    def workload(self, images: Sequence[Image], previous: Sequence[Image] = ()) -> Workload:
        """Returns what to run on images of one size, and on the frames before them if given."""
        return Workload(
            self.model,
            tuple(images),
            self.provider,
            self.threads,
            self.warmup,
            self.iterations,
            self.power,
            tuple(previous),
        )


def examine(
    options: ProfileOptions,
    size: Size,
    spec: ModelSpec,
    frames: Frames,
    start: Callable[[], Child],
    previous: Frames | None = None,
) -> Findings:
    """Times, counts and observes one size.

    The fresh process runs the model before anything else, so that its peak memory is the model's.

    Args:
        options: what to profile; the model is known to be usable.
        size: height and width.
        spec: the model.
        frames: makes the frames of a size.
        start: makes the process.
        previous: makes the frame before each, for a model that reads it.

    Returns:
        The findings. What could not be run, mostly for lack of memory, is None with a reason.
    """
    height, width = size
    label = f"{width}x{height}"
    padded = height + -height % spec.stride, width + -width % spec.stride
    found = Findings(size, padded)
    try:
        before = previous(height, width) if previous and spec.reads_video else ()
        work = options.workload(frames(height, width), before)
    except (MemoryError, cv2.error):
        return replace(found, problem="does not fit: not enough memory for the images")
    with start() as child:
        try:
            _log.debug("timing %s at %s", spec.name, label)
            timing = child.call(time_frames, work)
        except SpikeRainError as error:
            return replace(found, problem=error.cause)
        found = replace(found, timing=timing, count=count_operations(spec, *padded))
        if find_model(options.model).probe is None:
            return replace(found, spikes_reason="the model has no probe graph")
        try:
            _log.debug("observing the neurons of %s at %s", spec.name, label)
            activity = child.call(observe_neurons, work)
        except SpikeRainError as error:
            return replace(found, spikes_reason=f"probe graph: {error.cause}")
        return replace(found, activity=activity, frames=len(work.images))
