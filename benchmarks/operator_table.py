"""The table of `onnx_runtime_operators.py` and `openvino_operators.py`, and their options."""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterable

from spikerain_edge.sizes import parse_shape

Runs = Iterable[tuple[str, str, float]]
"""Name and kind of an operator, and the milliseconds of one run."""


def least_by_kind(runs: Runs) -> dict[str, float]:
    """Adds up the least time of each operator by its kind, in milliseconds."""
    least: dict[str, float] = {}
    kinds: dict[str, str] = {}
    for name, kind, milliseconds in runs:
        least[name] = min(least.get(name, milliseconds), milliseconds)
        kinds[name] = kind
    sums: dict[str, float] = defaultdict(float)
    for name, milliseconds in least.items():
        sums[kinds[name]] += milliseconds
    return dict(sums)


def print_table(
    description: str,
    measure: Callable[[str, tuple[int, int], int, int], Runs],
    is_convolution: Callable[[str], bool],
) -> None:
    """Measures the model that the command line names, and prints a row for each kind of operator.

    Args:
        description: what the program does.
        measure: takes a model, a size, threads and runs; returns the times of all operators.
        is_convolution: whether a kind of operator is a convolution.
    """
    parser = argparse.ArgumentParser(description=description.partition("\n")[0])
    parser.add_argument("model")
    parser.add_argument("--imgsz", default="640x480")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=15)
    options = parser.parse_args()
    size = parse_shape(options.imgsz)
    sums = least_by_kind(measure(options.model, size, options.threads, options.runs))
    whole = sum(sums.values())
    for kind, milliseconds in sorted(sums.items(), key=lambda item: -item[1]):
        if milliseconds > whole / 1000:
            print(f"{kind:<50}{milliseconds:>8.1f} ms {100 * milliseconds / whole:>5.1f} %")
    convolutions = sum(value for kind, value in sums.items() if is_convolution(kind))
    print(f"outside convolutions: {100 * (1 - convolutions / whole):.0f} % of {whole:.0f} ms")
