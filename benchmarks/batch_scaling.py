"""Measures how much faster `spikerain-edge batch` is with 2 workers than with 1.

Derains images and one long clip of the built-in scene, with either number of workers in turn. The
time that Ray and the workers take to start is measured with a single image, and subtracted for the
second table.

    python benchmarks/batch_scaling.py --images 96 --frames 200 --rounds 5
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

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
    parser.add_argument("--images", type=int, default=96)
    parser.add_argument("--frames", type=int, default=200, help="frames of the clip")
    parser.add_argument("--side", type=int, default=256, help="side of images in pixels")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whole, single = folder / "whole", folder / "single"
        draw(whole, given.images, given.frames, given.side)
        draw(single, 1, 0, given.side)
        rounds = [
            {workers: (timed(single, workers), timed(whole, workers)) for workers in WORKERS}
            for _ in range(given.rounds)
        ]
    work = given.images + given.frames
    print(f"{given.images} images and a clip of {given.frames} frames, {given.side}x{given.side}")
    print("| | 1 worker, s | 2 workers, s | ratio |\n|---|---|---|---|")
    table("whole command", [{each: times[each][1] for each in WORKERS} for times in rounds])
    without = [{each: times[each][1] - times[each][0] for each in WORKERS} for times in rounds]
    table("without its start", without)
    rates = [work / times[2] for times in without]
    print(f"\n{statistics.median(rates):.1f} frames/s with 2 workers")


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


def timed(tree: Path, workers: int) -> float:
    """Seconds that a batch over a tree takes, with one thread in each worker."""
    with tempfile.TemporaryDirectory() as output:
        command = [PROGRAM, "batch", tree, "--output", output, "--workers", str(workers)]
        start = time.perf_counter()
        subprocess.run([*command, "--segment-frames", "25"], check=True, capture_output=True)  # noqa: S603
        return time.perf_counter() - start


def table(name: str, rounds: list[dict[int, float]]) -> None:
    """Prints a row: medians of either number of workers, and their ratio with its spread."""
    one, two = (statistics.median(times[each] for times in rounds) for each in WORKERS)
    ratios = sorted(times[1] / times[2] for times in rounds)
    spread = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
    print(f"| {name} | {one:.1f} | {two:.1f} | {spread} |")


if __name__ == "__main__":
    main()
