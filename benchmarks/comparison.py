"""What the side-by-side measurements share: their options and the lines of their tables."""

from __future__ import annotations

import argparse
import os
import statistics

from spikerain_training.config import variants


def parse(description: str | None, *, repeats: int, at_least: float) -> argparse.Namespace:
    """The options of a comparison: `variant`, `side`, `repeats`, `threads`, `at_least`.

    Args:
        description: docstring of the program, of which the first line is shown.
        repeats: pairs of timed runs unless given.
        at_least: ratio below which to fail unless given.
    """
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("--variant", choices=variants(), default="s")
    parser.add_argument("--side", type=int, default=256, help="of the square image, pixels")
    parser.add_argument("--repeats", type=int, default=repeats, help="pairs of timed runs")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument(
        "--at-least", type=float, default=at_least, help="ratio below which to fail"
    )
    return parser.parse_args()


def row(name: str, values: list[float], unit: str) -> str:
    """One line of the table: median, least and greatest."""
    figures = (statistics.median(values), min(values), max(values))
    return f"{name:<28}" + "".join(f"{figure:>9.3f} {unit}" for figure in figures)
