"""Options and table rows of the benchmarks that compare two implementations."""

from __future__ import annotations

import argparse
import os
import statistics

from spikerain_training.config import variants


def parse(description: str | None, *, repeats: int, at_least: float) -> argparse.Namespace:
    """Parses the options of a comparison: `variant`, `side`, `repeats`, `threads`, `at_least`.

    Args:
        description: docstring of the program; its first line is the help text.
        repeats: default number of pairs of timed runs.
        at_least: default ratio below which the program fails.
    """
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("--variant", choices=variants(), default="s")
    parser.add_argument("--side", type=int, default=256, help="side of the square image in pixels")
    parser.add_argument("--repeats", type=int, default=repeats, help="pairs of timed runs")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument(
        "--at-least", type=float, default=at_least, help="fail if the median ratio is below this"
    )
    return parser.parse_args()


def row(name: str, values: list[float], unit: str) -> str:
    """Returns a row of the table: median, minimum and maximum."""
    columns = (statistics.median(values), min(values), max(values))
    return f"{name:<28}" + "".join(f"{value:>9.3f} {unit}" for value in columns)
