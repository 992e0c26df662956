"""Times the unrolled ONNX graph against the same network assembled from SpikingJelly's layers.

Both are the same untrained SpikeRain with the same weights, from 8-bit image to 8-bit image, run
by turns in one process on the same number of CPU threads, so that whatever else the machine does
slows down both. On a busy machine it slows PyTorch more: compare on an idle one. Exits with 1
where the median ratio stays below `--at-least`.
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
from spikerain_training.restore import restore
from spikingjelly_network import SpikingJellySpikeRain, copy_weights, reset_net

Derain = Callable[[Image], Image]


def export_untrained(network: SpikeRain, path: Path) -> None:
    """Writes the network as an ONNX graph."""
    write(make(origin_of(network), Request()), path)


def spikingjelly_side(network: SpikeRain) -> Derain:
    """Derains in PyTorch, and resets the neurons for the next image."""
    published = SpikingJellySpikeRain(network.config).eval()
    copy_weights(network, published)

    def derain(image: Image) -> Image:
        restored = restore(published, image)
        reset_net(published)
        return restored

    return derain


def onnx_side(network: SpikeRain, threads: int) -> Derain:
    """Derains in ONNX Runtime."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "untrained.onnx"
        export_untrained(network, path)
        return Derainer.load(str(path), threads=threads)


def seconds(derain: Derain, image: Image) -> float:
    """How long one image takes."""
    start = perf_counter()
    derain(image)
    return perf_counter() - start


def main() -> int:
    """Prints the table; 0 where the ratio suffices."""
    options = parse(__doc__, repeats=5, at_least=3.5)

    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    network = SpikeRain(variants()[options.variant]).eval()
    shape = (options.side, options.side, 3)
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    published, unrolled = spikingjelly_side(network), onnx_side(network, options.threads)

    # An untrained network amplifies rounding: at 256x256 even float32 and float64 of one and the
    # same implementation give different pictures. Agreement is therefore shown on a small one.
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
    print(f"{'':<28}{'median':>9}  {'least':>9}  {'greatest':>9}")
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
