"""Compares a run that records with a run without outputs and with its network alone.

A painted street of 640x480 is stored as a video. In turn, the network derains its frames in a loop,
`spikerain-edge run` derains the video without an output, and it derains and records it. What all
spend before and in the first frames does not count. Processor time tells more than frame rates on a
machine that is busy, but a back end that waits in loops uses more of it.

    python benchmarks/recording_rate.py --model nano-int8 --backend openvino
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av

from spikerain_edge.images import Image
from spikerain_edge.inference.backends import backend_named
from spikerain_edge.inference.derainer import Derainer
from spikerain_edge.sizes import parse_shape
from spikerain_edge.stream.demo import DemoScene

PROGRAM = Path(sys.executable).with_name("spikerain-edge")
FIRST = 65
"""Frames that do not count; firing rates are measured more often in them."""


@dataclass(frozen=True)
class Pace:
    """Frames a second, and processor time of a frame in milliseconds."""

    fps: float
    processor_ms: float

    def __truediv__(self, other: Pace) -> Pace:
        """Returns the ratios of both."""
        return Pace(self.fps / other.fps, self.processor_ms / other.processor_ms)


def main() -> None:
    """Prints the medians and ranges of all rounds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", default="nano")
    parser.add_argument("--backend", default="cpu")
    parser.add_argument("--imgsz", default="640x480")
    parser.add_argument("--frames", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    scene = DemoScene(*parse_shape(given.imgsz))
    frames = [scene.rainy(moment) for moment in range(FIRST + given.frames)]
    rounds = []
    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder) / "street.mp4"
        write(video, frames)
        for _ in range(given.rounds):
            alone = network_alone(given, frames)
            rounds.append((alone, running(given, video), running(given, video, "--output")))
    print(
        f"{given.model}, {given.backend}, {given.imgsz}: medians (ranges) of {given.rounds} rounds"
    )
    for name, paces in zip(
        ("network alone", "run", "run, recorded"), zip(*rounds, strict=True), strict=True
    ):
        ratios = [pace / one[0] for pace, one in zip(paces, rounds, strict=True)]
        print(
            f"{name}: {spread([pace.fps for pace in paces], 2)} frames/s, ratio "
            f"{spread([ratio.fps for ratio in ratios], 3)}; processor time "
            f"{spread([pace.processor_ms for pace in paces], 1)} ms, ratio "
            f"{spread([ratio.processor_ms for ratio in ratios], 3)}"
        )


def spread(values: Sequence[float], digits: int) -> str:
    """Returns the median and the range as text."""
    low, middle, high = (f"{f(values):.{digits}f}" for f in (min, statistics.median, max))
    return f"{middle} ({low} to {high})"


def write(path: Path, frames: list[Image]) -> None:
    """Stores frames as H.264 at 25 frames a second."""
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "20"})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="bgr24")))
        container.mux(stream.encode())


def network_alone(given: argparse.Namespace, frames: list[Image]) -> Pace:
    """Measures the network, with no stream around it."""
    provider = backend_named(given.backend)
    with Derainer.load(given.model, provider=provider) as derainer, derainer.stream() as stream:
        for frame in frames[:FIRST]:
            stream(frame)
        began, used = time.perf_counter(), time.process_time()
        for frame in frames[FIRST:]:
            stream(frame)
        return pace(given, time.perf_counter() - began, time.process_time() - used)


def running(given: argparse.Namespace, video: Path, *output: str) -> Pace:
    """Measures `run`, which records if `output` is `--output`."""
    whole = seconds(given, video, FIRST + given.frames, output)
    first = seconds(given, video, FIRST, output)
    return pace(given, whole[0] - first[0], whole[1] - first[1])


def pace(given: argparse.Namespace, seconds: float, used: float) -> Pace:
    """Returns the pace of `frames` frames that took seconds, and seconds of processor time."""
    return Pace(given.frames / seconds, 1000 * used / given.frames)


def seconds(
    given: argparse.Namespace, video: Path, count: int, output: Sequence[str]
) -> tuple[float, float]:
    """Derains the first frames of a video; returns seconds, and seconds of processor time."""
    model = ["--model", given.model, "--backend", given.backend]
    target = [*output, *(video.with_name(f"{time.monotonic_ns()}.mp4") for _ in output)]
    command = [PROGRAM, "run", "--camera", video, *target, *model]
    command += ["--max-frames", str(count), "--json", "-"]
    before = used_by_children()
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    return float(json.loads(done.stdout)["seconds"]), used_by_children() - before


def used_by_children() -> float:
    """Returns the processor time of ended child programs in seconds."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
