"""Runs one implementation of a network for `peers.py`, in a process of its own.

For each line on standard input it derains one image, and prints the seconds that passed and the
seconds of processor time.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from time import perf_counter, process_time

import numpy as np

from spikerain_edge.images import Image
from spikerain_edge.sizes import parse_shape

Derain = Callable[[Image], Image]


def main() -> None:
    """Builds the implementation, then serves lines until standard input ends."""
    parser = argparse.ArgumentParser()
    kinds = ("spikingjelly", "spikingjelly-compiled", "eager", "compiled", "file")
    parser.add_argument("kind", choices=kinds)
    parser.add_argument("--variant")
    parser.add_argument("--imgsz", type=parse_shape)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--file")
    parser.add_argument("--provider", default="CPUExecutionProvider")
    options = parser.parse_args()
    image = np.random.default_rng(0).integers(0, 256, (*options.imgsz, 3), np.uint8)
    derain = from_file(options) if options.kind == "file" else from_torch(options)
    derain(image)
    print("ready", flush=True)
    for _ in sys.stdin:
        wall, processor = perf_counter(), process_time()
        derain(image)
        print(perf_counter() - wall, process_time() - processor, flush=True)


def from_file(options: argparse.Namespace) -> Derain:
    """Returns a function that runs an exported file."""
    from spikerain_edge.inference import Derainer

    return Derainer.load(options.file, provider=options.provider, threads=options.threads)


def from_torch(options: argparse.Namespace) -> Derain:
    """Returns a function that runs the untrained network in PyTorch."""
    import torch

    from spikerain_training.config import variants
    from spikerain_training.network import SpikeRain
    from spikerain_training.restore import restore

    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    network = SpikeRain(variants()[options.variant]).eval()
    if options.kind == "eager":
        return lambda image: restore(network, image)
    if options.kind == "compiled":
        network.compile()
        return lambda image: restore(network, image)
    from spikingjelly_network import published_form

    return published_form(network, compiled=options.kind == "spikingjelly-compiled")


if __name__ == "__main__":
    main()
