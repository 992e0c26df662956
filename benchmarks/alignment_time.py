"""Measures what it costs to align the previous frame of a video model, on one thread."""

from __future__ import annotations

import statistics
import time

import cv2

from spikerain_edge.images import Image
from spikerain_edge.images.alignment import align
from spikerain_edge.stream.demo import DemoScene

SIZES = ((480, 640), (720, 1280), (1080, 1920))
RUNS = 21
_PAN = 12


def main() -> None:
    """Prints the median milliseconds for a camera that stands still, and for one that pans."""
    cv2.setNumThreads(1)
    for height, width in SIZES:
        scene = DemoScene(height, width + _PAN)
        before, now = (scene.rainy(moment) for moment in (0, 1))
        still = median(before[:, _PAN:], now[:, _PAN:])
        panning = median(before[:, :-_PAN], now[:, _PAN:])
        print(f"{width}x{height}: still {still:.1f} ms, panning {panning:.1f} ms")


def median(before: Image, now: Image) -> float:
    """Returns the median time of an alignment in milliseconds."""
    before, now, times = before.copy(), now.copy(), []
    for _ in range(RUNS):
        began = time.perf_counter()
        align(before, now)
        times.append(time.perf_counter() - began)
    return 1e3 * statistics.median(times)


if __name__ == "__main__":
    main()
