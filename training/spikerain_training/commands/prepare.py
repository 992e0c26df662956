"""`spikerain-train prepare`: checks a data set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from spikerain_training.commands.console import counting_bar, one_line_errors, write_json
from spikerain_training.commands.options import RainyHalf, half
from spikerain_training.inspection import Inspection, Sizes, inspect


def prepare(
    folder: Annotated[Path, typer.Argument(help="Pairs in any known layout, or clean images.")],
    rainy_half: RainyHalf = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON to standard output.")] = False,
) -> None:
    """Checks a data set: counts, sizes, unpaired, unreadable and mismatched files.

    Exits with 2 where something cannot be used.
    """
    console = Console(stderr=True)
    with one_line_errors(console), counting_bar(console) as bar:
        found = inspect(
            folder, half(rainy_half), lambda pairs: bar.track(pairs, description="reading")
        )
    if json:
        write_json(found.to_dict(), "-")
    else:
        for line in _lines(found):
            typer.echo(line)
    problems = found.problems()
    for problem in problems:
        typer.echo(f"spikerain-train: {problem}", err=True)
    if problems:
        raise typer.Exit(2)


def _lines(found: Inspection) -> list[str]:
    counts = f"{found.pairs} pairs, " if found.pairs else ""
    lines = [f"layout  {found.layout}", f"count   {counts}{found.images} images"]
    if found.widths and found.heights:
        lines += [f"width   {_range(found.widths)}", f"height  {_range(found.heights)}"]
    return lines


def _range(sizes: Sizes) -> str:
    return f"{sizes.smallest} to {sizes.largest} px, median {sizes.median:g}"
