"""Tables of results on standard output."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.console import Console

from spikerain_edge.console import print_line
from spikerain_training.evaluation.summary import Mean, Summary

_HEADINGS = (
    "weather",
    "method",
    "rainy dB",
    "restored dB",
    "gain dB",
    "95 % interval",
    "rainy SSIM",
    "restored SSIM",
)


def show(text: str, console: Console | None) -> None:
    """Prints to standard output, or to a console if standard output is used for JSON."""
    if console is None:
        print_line(text)
    else:
        console.print(text, markup=False, highlight=False, soft_wrap=True)


def table(means: list[Summary], suffix: str, conversion: str) -> str:
    """Returns a table as aligned text; a pipe or a narrow terminal does not cut it off."""
    images = " or ".join(dict.fromkeys(str(summary.images) for summary in means))
    rows = [
        list(_HEADINGS),
        *([mean.condition, mean.method, *_cells(mean, suffix)] for mean in means),
    ]
    count = "1 image" if images == "1" else f"mean of {images} images"
    return aligned(f"On {conversion}, {count}", rows)


def aligned(title: str, rows: Sequence[Sequence[str]]) -> str:
    """Returns rows as text below a title; the first two columns are aligned left, others right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [title]
    for condition, method, *figures in rows:
        cells = [condition.ljust(widths[0]), method.ljust(widths[1])]
        cells += [text.rjust(width) for text, width in zip(figures, widths[2:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines) + "\n"


def _cells(summary: Summary, suffix: str) -> list[str]:
    psnr, ssim = f"psnr_{suffix}", f"ssim_{suffix}"
    gain = summary.gain[psnr]
    return [
        number(summary.rainy[psnr], ".2f"),
        number(summary.restored[psnr].mean, ".2f"),
        number(gain.mean, "+.2f"),
        interval(gain),
        number(summary.rainy[ssim], ".4f"),
        number(summary.restored[ssim].mean, ".4f"),
    ]


def number(value: float, form: str) -> str:
    """Formats a number; `-` if it is not finite."""
    return f"{value:{form}}" if math.isfinite(value) else "-"


def interval(mean: Mean) -> str:
    """Formats the 95 % interval of a gain; `-` if it is not known."""
    if not math.isfinite(mean.low):
        return "-"
    return f"{mean.low:+.2f} to {mean.high:+.2f}"
