"""Measures one image size. Runs in a process of its own, see `child`."""

from __future__ import annotations

import re
import resource
import sys
import time
from dataclasses import dataclass, field, replace
from itertools import cycle, islice
from pathlib import Path

from spikerain_edge.engine_file import is_engine_file
from spikerain_edge.images import Image
from spikerain_edge.inference import Activity, Derainer
from spikerain_edge.inference.backends import AUTO, OPENVINO
from spikerain_edge.inference.providers import CPU
from spikerain_edge.models import find_model
from spikerain_edge.profiling import power
from spikerain_edge.profiling.spikes import mean_activity
from spikerain_edge.spec import ModelSpec

# Seconds that power sensors need: for idle power, and at least for the work.
POWER_SECONDS = 2.0
# These run on the processor, or on a GPU in the same package.
_PROCESSOR_PROVIDERS = (
    AUTO,
    CPU,
    OPENVINO,
    "ACLExecutionProvider",
    "DnnlExecutionProvider",
    "OpenVINOExecutionProvider",
    "XnnpackExecutionProvider",
)


@dataclass(frozen=True)
class Workload:
    """The model and images to run.

    Attributes:
        model: shipped model or path.
        images: frames of one size, (H, W, 3) uint8 BGR.
        provider: ONNX Runtime execution provider.
        threads: threads within an operator; None for all cores.
        warmup: frames to run before the timed ones.
        iterations: least number of timed frames; power rails may need more.
        power: whether to read power rails.
        previous: the frame before each image, which video models read; empty for still pictures.
    """

    model: str
    images: tuple[Image, ...]
    provider: str = CPU
    threads: int | None = None
    warmup: int = 5
    iterations: int = 50
    power: bool = True
    previous: tuple[Image, ...] = ()

    def shown(self, spec: ModelSpec) -> list[tuple[Image, ...]]:
        """What a model reads at once: an image, and for video models the frame before it."""
        if self.previous and spec.reads_video:
            return list(zip(self.images, self.previous, strict=True))
        return [(image,) for image in self.images]

    def load(self, *, probe: bool = False) -> Derainer:
        """Opens the model."""
        return Derainer.load(self.model, provider=self.provider, threads=self.threads, probe=probe)


@dataclass
class StageTimes:
    """Seconds per frame: to prepare the image, in the engine, to finish the result."""

    pre: list[float] = field(default_factory=list)
    engine: list[float] = field(default_factory=list)
    post: list[float] = field(default_factory=list)

    @property
    def whole(self) -> list[float]:
        """All stages together."""
        return [sum(stages) for stages in zip(self.pre, self.engine, self.post, strict=True)]


@dataclass(frozen=True)
class Timing:
    """Time, memory and energy of running frames of one size.

    Attributes:
        stages: wall time of every timed frame.
        frames: number of all frames, including those before the timed ones.
        loaded: resident memory before the first frame, in bytes.
        peak: largest resident memory, in bytes.
        power: readings of the power rails over all frames. Idle power is measured before the
            frames, because a processor must warm up again after idling.
    """

    stages: StageTimes
    frames: int
    loaded: int
    peak: int
    power: power.Measurement


def time_frames(work: Workload) -> Timing:
    """Derains frames one after the other and times each of them.

    Raises:
        SpikeRainError: the model cannot be loaded.
    """
    stages = StageTimes()
    meters, reason = _open_meters(work)
    shortest = POWER_SECONDS if meters else 0.0
    with work.load() as derainer:
        loaded = resident_memory()

        def run() -> None:
            frames = cycle(work.shown(derainer.spec))
            for shown in islice(frames, work.warmup):
                derainer(*shown)
            end = time.perf_counter() + shortest
            for done, shown in enumerate(frames):
                if done >= work.iterations and time.perf_counter() >= end:
                    break
                _time(derainer, shown, stages)

        used = power.measure(meters, run, shortest)
    return Timing(
        stages=stages,
        frames=work.warmup + len(stages.whole),
        loaded=loaded,
        peak=peak_memory(),
        power=used if meters else replace(used, reason=reason),
    )


def observe_neurons(work: Workload) -> Activity:
    """Returns firing rates and silent channels, mean over all images.

    Raises:
        InputError: the model has no probe graph.
    """
    with work.load(probe=True) as derainer:
        shown = work.shown(derainer.spec)
        return mean_activity([derainer.activity(*frames) for frames in shown])


def peak_memory() -> int:
    """Returns the largest resident memory of this process so far, in bytes.

    Linux's getrusage also remembers the process that started this one, so its own mark is read.
    """
    unit = 1 if sys.platform == "darwin" else 1024
    return _own_memory("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def resident_memory() -> int:
    """Returns the resident memory of this process in bytes; its peak if that is all there is."""
    return _own_memory("VmRSS") or peak_memory()


def _own_memory(key: str) -> int | None:
    """Reads a memory figure of this process from /proc, in bytes; None if there is none."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return None
    found = re.search(rf"^{key}:\s*(\d+) kB$", status, re.MULTILINE)
    return int(found[1]) * 1024 if found else None


def _time(derainer: Derainer, shown: tuple[Image, ...], stages: StageTimes) -> None:
    start = time.perf_counter()
    prepared = [derainer.prepare(frame) for frame in shown]
    ready = time.perf_counter()
    derained = derainer.engine.infer(*prepared)
    done = time.perf_counter()
    derainer.finish(derained, shown[0])
    end = time.perf_counter()
    stages.pre.append(ready - start)
    stages.engine.append(done - ready)
    stages.post.append(end - done)


def _open_meters(work: Workload) -> tuple[list[power.PowerMeter], str]:
    """Opens the readable rails; returns the reason if there are none."""
    if not work.power:
        return [], "switched off by --no-power"
    engine = is_engine_file(find_model(work.model).graph.path)
    return power.open_meters(gpu=engine or work.provider not in _PROCESSOR_PROVIDERS)
