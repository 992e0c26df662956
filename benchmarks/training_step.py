"""Measures the time of an optimiser step for memory layouts, with and without compiled neurons.

    python benchmarks/training_step.py [variant] [--batch 12] [--crop 96] [--rounds 9]

All configurations run alternately in one process. Prints the median, the range, and the speed-up
over the plain configuration.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch

from spikerain_training.config import variants
from spikerain_training.losses import LossWeights, loss_terms
from spikerain_training.network import SpikeRain
from spikerain_training.neuron import compile_neurons


def main() -> None:
    """Prints one line per configuration."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("variant", nargs="?", default="nano", choices=list(variants()))
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--crop", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=9)
    given = parser.parse_args()
    shape = (given.batch, 3, given.crop, given.crop)
    ways = {
        "plain": stepper(given.variant, shape, channels_last=False, compiled=False),
        "channels-last": stepper(given.variant, shape, channels_last=True, compiled=False),
        "compiled neurons": stepper(given.variant, shape, channels_last=False, compiled=True),
        "both": stepper(given.variant, shape, channels_last=True, compiled=True),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for step in ways.values():
        step()
        step()
    for _ in range(given.rounds):
        for name, step in ways.items():
            begin = time.perf_counter()
            step()
            seconds[name].append(time.perf_counter() - begin)
    plain = statistics.median(seconds["plain"])
    print(f"{given.variant}, {shape}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    for name, taken in seconds.items():
        median = statistics.median(taken)
        spread = f"{min(taken):.2f} to {max(taken):.2f}"
        print(f"{name:18} {median:6.2f} s ({spread})   {plain / median:.2f}x")


def stepper(
    variant: str, shape: tuple[int, int, int, int], *, channels_last: bool, compiled: bool
) -> Callable[[], None]:
    """Returns a function that runs one optimiser step on random images."""
    torch.manual_seed(0)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    network = SpikeRain(variants()[variant]).train()
    network.to(memory_format=layout)  # type: ignore[call-overload]
    if compiled:
        compile_neurons(network, torch.device("cpu"))
    optimizer = torch.optim.AdamW(network.parameters())
    rainy = torch.rand(shape).contiguous(memory_format=layout)
    clean = torch.rand(shape)

    def step() -> None:
        terms = loss_terms(network(rainy), clean, LossWeights(ssim=1.0, l1=1.0))
        optimizer.zero_grad()
        sum(terms.values(), torch.zeros(())).backward()
        optimizer.step()

    return step


if __name__ == "__main__":
    main()
