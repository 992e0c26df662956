"""What tiles cost in quality: agreement with whole images, loss against the truth, visible seams.

    python benchmarks/tiling_quality.py PHOTOS --model nano --grid 2x3 --overlap 16,32,64,128

Rain is rendered on clean photographs. Each is derained whole, and in as many rows and columns of
tiles as `--grid` says. Tiles grow with their overlap.

- `whole dB`: PSNR of the tiled picture to the one derained whole.
- `lost dB`: how much further the tiled one is from the clean photograph (PSNR on luma). Ignore it
  with `--rainy`: there is no clean photograph then.
- `seam`: the change of the difference (tiled minus whole) across the edges of tiles, divided by
  its change across all other lines. 1 means that edges do not stand out.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import cv2
import numpy as np

from spikerain_edge import Derainer
from spikerain_edge.images import Image
from spikerain_edge.images.metrics import psnr, psnr_luma
from spikerain_edge.inference.tiling import Grid
from spikerain_edge.weather import Rain, sample_style


def main() -> None:
    """Prints one line for each overlap."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--grid", default="2x3")
    parser.add_argument("--overlap", default="16,32,64,128")
    parser.add_argument("--limit", type=int, default=6)
    parser.add_argument("--rainy", action="store_true", help="the photographs are rainy already")
    given = parser.parse_args()
    paths = sorted(given.photos.glob("*.*"))[: given.limit]
    with Derainer.load(given.model) as derainer:
        scenes = [
            _scene(path, None if given.rainy else seed, derainer) for seed, path in enumerate(paths)
        ]
        print(f"{len(scenes)} photographs, {given.model}")
        print("overlap  whole dB (least)   lost dB   seam")
        rows, columns = map(int, given.grid.split("x"))
        for overlap in map(int, given.overlap.split(",")):
            _report(derainer, scenes, (rows, columns), overlap)


def _scene(path: Path, seed: int | None, derainer: Derainer) -> tuple[Image, Image, Image]:
    """A clean photograph, the same with rain, and that derained whole."""
    clean = np.asarray(cv2.imread(str(path)), np.uint8)
    if seed is None:
        return clean, clean, derainer(clean)
    style = sample_style(np.random.default_rng(seed))
    rainy = Rain(style, (clean.shape[0], clean.shape[1]), seed).render(clean)
    return clean, rainy, derainer(rainy)


def _report(
    derainer: Derainer,
    scenes: list[tuple[Image, Image, Image]],
    counts: tuple[int, int],
    overlap: int,
) -> None:
    agreement, lost, seams = [], [], []
    for clean, rainy, whole in scenes:
        grid = _grid(rainy, counts, overlap, derainer.spec.stride)
        tiled = grid.derain(rainy, derainer.engine.infer)
        agreement.append(psnr(tiled, whole))
        lost.append(psnr_luma(whole, clean) - psnr_luma(tiled, clean))
        seams.append(_seam(tiled.astype(np.float64) - whole, grid))
    print(
        f"{overlap:>7}  {np.mean(agreement):>8.1f} ({min(agreement):.1f})  "
        f"{np.mean(lost):>8.3f}  {np.mean(seams):>5.2f}",
        flush=True,
    )


def _grid(image: Image, counts: tuple[int, int], overlap: int, stride: int) -> Grid:
    """The smallest tiles of this overlap that make so many rows and columns."""
    size = image.shape[0], image.shape[1]
    sides = (
        math.ceil((length + (count - 1) * overlap) / count / stride) * stride
        for length, count in zip(size, counts, strict=True)
    )
    return Grid.covering(size, (next(sides), next(sides)), overlap, stride)


def _seam(difference: np.ndarray, grid: Grid) -> float:
    """Change across the edges of tiles over the change across other lines."""
    ratios = []
    for axis, turned in ((grid.rows, difference), (grid.columns, difference.swapaxes(0, 1))):
        change = np.abs(np.diff(turned, axis=0)).mean(axis=(1, 2))
        edges = list(axis.starts[1:])
        edges += [start + axis.tile for start in axis.starts[:-1]]
        if edges:
            lines = np.array(edges) - 1
            ratios.append(change[lines].mean() / np.delete(change, lines).mean())
    return float(np.mean(ratios))


if __name__ == "__main__":
    main()
