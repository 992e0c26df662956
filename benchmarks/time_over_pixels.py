"""Shows how the time of a model grows with the number of pixels.

    python benchmarks/time_over_pixels.py nano-int8

Counts the processor time of one thread, and the least of several runs at each size: other programs
disturb it less. An exponent of 1 means that twice the pixels take twice the time.
"""

from __future__ import annotations

import argparse
import math
from time import process_time

import numpy as np

from spikerain_edge import Derainer
from spikerain_edge.sizes import parse_shape


def least_seconds(derainer: Derainer, size: tuple[int, int], runs: int) -> float:
    """Returns the least processor time of one image of a size."""
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    derainer(image)
    times = []
    for _ in range(runs):
        begin = process_time()
        derainer(image)
        times.append(process_time() - begin)
    return min(times)


def main() -> None:
    """Prints a line for each size, and the exponent over all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("model")
    parser.add_argument("--backend", default="CPUExecutionProvider")
    parser.add_argument("--imgsz", default="256,640x480,1280x720,1920x1088")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    found: list[tuple[int, float]] = []
    with Derainer.load(options.model, provider=options.backend, threads=1) as derainer:
        for size in map(parse_shape, options.imgsz.split(",")):
            seconds = least_seconds(derainer, size, options.runs)
            found.append((size[0] * size[1], seconds))
            grown = f"exponent {exponent(*found[-2:]):.2f}" if len(found) > 1 else ""
            print(f"{size[1]}x{size[0]}: {1e3 * seconds:.0f} ms {grown}", flush=True)
    print(f"over all: exponent {exponent(found[0], found[-1]):.2f}")


def exponent(first: tuple[int, float], last: tuple[int, float]) -> float:
    """Returns the exponent of time over pixels between two pairs (pixels, seconds)."""
    return math.log(last[1] / first[1]) / math.log(last[0] / first[0])


if __name__ == "__main__":
    main()
