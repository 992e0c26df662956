"""Compares the time of whole images with that of the same images in tiles.

    python benchmarks/tiling_time.py --model nano --imgsz 1280x720,1920x1080

Whole images and tiles alternate in one process, so that other load slows down both. Printed are
the median ratio of times (tiled over whole) and how many more pixels the tiles have.
"""

from __future__ import annotations

import argparse
import statistics
from time import perf_counter

import numpy as np

from spikerain_edge import Derainer
from spikerain_edge.inference.tile_size import Tiler
from spikerain_edge.inference.tiling import Grid
from spikerain_edge.sizes import parse_shape


def main() -> None:
    """Prints one line for each size of images and tiles."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--imgsz", default="1280x720,1920x1080")
    parser.add_argument("--tile", default="256,384,512,768")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with Derainer.load(given.model) as derainer:
        print("   image  tiles       of  whole ms  tiled ms  time ratio  pixel ratio")
        for size in map(parse_shape, given.imgsz.split(",")):
            for tile in map(parse_shape, given.tile.split(",")):
                grid = Tiler.choosing(derainer.spec, tile).grid(size)
                _report(derainer, size, grid, given.rounds)


def _report(derainer: Derainer, size: tuple[int, int], grid: Grid, rounds: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    whole, tiled = [], []
    for number in range(rounds + 1):
        start = perf_counter()
        derainer(image)
        middle = perf_counter()
        grid.derain(image, derainer.engine.infer)
        if number:  # the first round only warms up
            whole.append(middle - start)
            tiled.append(perf_counter() - middle)
    ratio = statistics.median(after / before for before, after in zip(whole, tiled, strict=True))
    height, width = size
    tile_height, tile_width = grid.tile
    print(
        f"{width}x{height}  {grid.count:>5}  {tile_width}x{tile_height}  "
        f"{1e3 * statistics.median(whole):>8.0f}  {1e3 * statistics.median(tiled):>8.0f}  "
        f"{ratio:>10.2f}  {grid.computed[0] * grid.computed[1] / (height * width):>11.2f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
