"""Compares the frame rate of a run that records with that of its network alone.

A painted street of 640x480 is stored as a video. In turn, the network derains its frames in a loop,
and `spikerain-edge run` derains and records the video. What both spend before the first frames does
not count: the rate is that of the frames after them.

    python benchmarks/recording_rate.py --model nano-int8 --backend openvino
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import av

from spikerain_edge.images import Image
from spikerain_edge.inference.backends import backend_named
from spikerain_edge.inference.derainer import Derainer
from spikerain_edge.sizes import parse_shape
from spikerain_edge.stream.demo import DemoScene

PROGRAM = Path(sys.executable).with_name("spikerain-edge")
FIRST = 10
"""Frames that do not count."""


def main() -> None:
    """Prints the rates of all rounds and the median of their ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", default="nano")
    parser.add_argument("--backend", default="cpu")
    parser.add_argument("--imgsz", default="640x480")
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    scene = DemoScene(*parse_shape(given.imgsz))
    frames = [scene.rainy(moment) for moment in range(FIRST + given.frames)]
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder) / "street.mp4"
        write(video, frames)
        for _ in range(given.rounds):
            alone = alone_rate(given, frames)
            recorded = recorded_rate(given, video)
            ratios.append(recorded / alone)
            print(f"network alone {alone:.2f}/s, recording {recorded:.2f}/s: {ratios[-1]:.3f}")
    spread = f"{min(ratios):.3f} to {max(ratios):.3f}"
    print(f"{given.model} {given.backend}: median {statistics.median(ratios):.3f} ({spread})")


def write(path: Path, frames: list[Image]) -> None:
    """Stores frames as H.264 at 25 frames a second."""
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "20"})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="bgr24")))
        container.mux(stream.encode())


def alone_rate(given: argparse.Namespace, frames: list[Image]) -> float:
    """Returns the frames a second of the network alone."""
    provider = backend_named(given.backend)
    with Derainer.load(given.model, provider=provider) as derainer, derainer.stream() as stream:
        for frame in frames[:FIRST]:
            stream(frame)
        began = time.perf_counter()
        for frame in frames[FIRST:]:
            stream(frame)
        return given.frames / (time.perf_counter() - began)


def recorded_rate(given: argparse.Namespace, video: Path) -> float:
    """Returns the frames a second of a run that records."""
    return given.frames / (
        seconds(given, video, FIRST + given.frames) - seconds(given, video, FIRST)
    )


def seconds(given: argparse.Namespace, video: Path, count: int) -> float:
    """Derains and records the first frames of a video; returns the seconds of the run."""
    model = ["--model", given.model, "--backend", given.backend]
    output = video.with_name(f"{time.monotonic_ns()}.mp4")
    command = [PROGRAM, "run", "--camera", video, "--output", output, *model]
    command += ["--max-frames", str(count), "--json", "-"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    return float(json.loads(done.stdout)["seconds"])


if __name__ == "__main__":
    main()
