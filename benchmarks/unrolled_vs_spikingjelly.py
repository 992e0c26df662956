"""Compares the speed of the unrolled ONNX graph with that of a network built from SpikingJelly.

Both are the same untrained SpikeRain network with the same weights, from 8-bit image to 8-bit
image. They run alternately in one process with the same number of CPU threads, so that other load
on the machine slows down both. Use an idle machine, because load slows down PyTorch more. The exit
code is 1 if the median ratio is below `--at-least`.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np
import torch

from comparison import parse, row
from spikerain_edge.images import Image
from spikerain_edge.inference import Derainer
from spikerain_export.candidate import make
from spikerain_export.conversion import Request
from spikerain_export.delivery import write
from spikerain_export.origin import origin_of
from spikerain_training.config import variants
from spikerain_training.network import SpikeRain
from spikingjelly_network import published_form

Derain = Callable[[Image], Image]


def export_untrained(network: SpikeRain, path: Path) -> None:
    """Exports the network as an ONNX graph."""
    write(make(origin_of(network), Request()), path)


def onnx_side(network: SpikeRain, threads: int) -> Derain:
    """Returns a function that derains in ONNX Runtime."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "untrained.onnx"
        export_untrained(network, path)
        return Derainer.load(str(path), threads=threads)


def seconds(derain: Derain, image: Image) -> float:
    """Returns the time for one image in seconds."""
    start = perf_counter()
    derain(image)
    return perf_counter() - start


def main() -> int:
    """Prints the table; returns 0 if the ratio is high enough, otherwise 1."""
    options = parse(__doc__, repeats=5, at_least=3.5)

    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    network = SpikeRain(variants()[options.variant]).eval()
    shape = (options.side, options.side, 3)
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    published, unrolled = published_form(network), onnx_side(network, options.threads)

    # An untrained network amplifies rounding: at 256x256, float32 and float64 give different
    # outputs even in the same implementation. The outputs are therefore compared on a small image.
    crop = np.ascontiguousarray(image[:64, :64])
    difference = np.abs(published(crop).astype(int) - unrolled(crop)).max()
    for derain in (published, unrolled):
        derain(image)
    pairs = [(seconds(published, image), seconds(unrolled, image)) for _ in range(options.repeats)]
    slow, fast = (list(times) for times in zip(*pairs, strict=True))
    ratios = [before / after for before, after in pairs]

    print(
        f"SpikeRain {options.variant}, untrained, {options.side}x{options.side}, "
        f"{options.threads} CPU threads, {options.repeats} pairs of runs; "
        f"largest difference on 64x64 {difference} of 255"
    )
    print(f"{'':<28}{'median':>9}  {'min':>9}  {'max':>9}")
    print(row("SpikingJelly on PyTorch", slow, "s"))
    print(row("unrolled on ONNX Runtime", fast, "s"))
    print(row("ratio", ratios, "x"))
    ratio = statistics.median(ratios)
    if ratio < options.at_least:
        print(f"the ratio is below {options.at_least:g}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
