"""Measures how much faster `spikerain-edge batch` is with 2 workers than with 1.

Derains images and one long clip of the built-in scene, with either number of workers in turn, one
thread each. Frames are counted from the moment at which all workers are ready until the last one
is derained, so that the time that Ray takes to start is left out; it is printed beside.

    python benchmarks/batch_scaling.py --images 200 --frames 400 --rounds 5
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import datetime, timezone
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2

from spikerain_edge.images import Image
from spikerain_edge.stream.demo import DemoScene
from spikerain_edge.stream.encoder import Encoder
from spikerain_edge.stream.formats import FORMATS
from spikerain_edge.stream.frame import DEFAULT_RATE, Frame

PROGRAM = Path(sys.executable).with_name("spikerain-edge")
WORKERS = (1, 2)


def main() -> None:
    """Runs the batches and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--frames", type=int, default=400, help="frames of the clip")
    parser.add_argument("--side", type=int, default=256, help="side of images in pixels")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        tree = Path(name) / "tree"
        draw(tree, given.images, given.frames, given.side)
        rounds = [
            {workers: measured(tree, workers) for workers in WORKERS} for _ in range(given.rounds)
        ]
    print(f"{given.images} images and a clip of {given.frames} frames, {given.side}x{given.side}")
    print("| workers | frames/s, median (least to most) | start, s |\n|---|---|---|")
    for workers in WORKERS:
        rates, starts = zip(*(times[workers] for times in rounds), strict=True)
        print(f"| {workers} | {spread(rates)} | {spread(starts)} |")
    print(f"ratio {spread([times[2][0] / times[1][0] for times in rounds])}")


def draw(folder: Path, images: int, frames: int, side: int) -> None:
    """Writes images and a clip, where it has frames, with a keyframe every 50 frames."""
    folder.mkdir()
    scene = DemoScene()
    for number in range(images):
        cv2.imwrite(str(folder / f"{number:04}.png"), cropped(scene.rainy(number), side))
    if not frames:
        return
    encoder = Encoder(
        f"file:{folder / 'clip.mp4'}",
        FORMATS[".mp4"],
        DEFAULT_RATE,
        size=(side, side),
        pixel_shape=Fraction(1),
        label="clip.mp4",
    )
    for number in range(frames):
        image = cropped(scene.rainy(number), side)
        encoder.write(Frame(image, number, 0.0, f"{number}"), image)
    if not encoder.finish():
        sys.exit("the clip could not be written")


def cropped(image: Image, side: int) -> Image:
    """The middle of a picture, scaled up where it is too small."""
    scale = max(1.0, side / min(image.shape[:2]))
    image = cv2.resize(image, None, fx=scale, fy=scale) if scale > 1 else image
    top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    return image[top : top + side, left : left + side]


def measured(tree: Path, workers: int) -> tuple[float, float]:
    """Frames per second once all workers are ready, and the seconds until then."""
    with tempfile.TemporaryDirectory() as output:
        command = [PROGRAM, "batch", tree, "--output", output, "--workers", str(workers)]
        options = ["--segment-frames", "25", "--verbose", "--log-format", "json"]
        start = datetime.now(timezone.utc)
        done = subprocess.run([*command, *options], check=True, capture_output=True, text=True)  # noqa: S603
    messages = [json.loads(line) for line in done.stderr.splitlines()]
    ready = [moment(each) for each in messages if each.get("workers") == workers]
    if not ready:
        sys.exit("the work was done before all workers were ready: give more --images")
    derained = [(moment(each), each["frames"]) for each in messages if each.get("frames")]
    counted = [(when, frames) for when, frames in derained if when > ready[0]]
    seconds = (counted[-1][0] - ready[0]).total_seconds()
    return sum(frames for _, frames in counted) / seconds, (ready[0] - start).total_seconds()


def moment(message: dict[str, Any]) -> datetime:
    """When a message was written."""
    return datetime.fromisoformat(message["time"])


def spread(values: Sequence[float]) -> str:
    """Median, least and most."""
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


if __name__ == "__main__":
    main()
