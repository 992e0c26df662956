"""`spikerain-train prepare`: checks a data set."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from spikerain_edge.console import (
    Debug,
    Logs,
    Verbose,
    command_scope,
    counting_bar,
    print_line,
    write_json,
)
from spikerain_edge.errors import InputError
from spikerain_edge.logs import LogFormat
from spikerain_training.commands.options import PROGRAM, RainyHalf, half
from spikerain_training.inspection import Inspection, Sizes, inspect

app = typer.Typer(add_completion=False)
_log = logging.getLogger(__name__)


@app.command()
def prepare(
    folder: Annotated[
        Path, typer.Argument(help="Folder of pairs in any known layout, or of clean images.")
    ],
    rainy_half: RainyHalf = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON to standard output.")] = False,
    verbose: Verbose = False,
    log_format: Logs = LogFormat.TEXT,
    debug: Debug = False,
) -> None:
    """Checks a data set: counts, sizes, unpaired, unreadable and mismatched files.

    The exit code is 2 if a file cannot be used.
    """
    with command_scope(
        debug=debug, verbose=verbose, log_format=log_format, program=PROGRAM
    ) as console:
        with counting_bar(console) as bar:
            track = partial(bar.track, description="reading")
            found = inspect(folder, half(rainy_half), track)
        if json:
            write_json(found.to_dict(), "-")
        else:
            print_line("\n".join(_lines(found)))
        problems = found.problems()
        for problem in problems:
            _log.error("%s", problem)
        if problems:
            raise typer.Exit(InputError.exit_code)


def _lines(found: Inspection) -> list[str]:
    counts = f"{found.pairs} pairs, " if found.pairs else ""
    lines = [f"layout  {found.layout}", f"count   {counts}{found.images} images"]
    if found.widths and found.heights:
        lines += [f"width   {_range(found.widths)}", f"height  {_range(found.heights)}"]
    return lines


def _range(sizes: Sizes) -> str:
    return f"{sizes.smallest} to {sizes.largest} px, median {sizes.median:g}"
