"""The `spikerain-train` program: a table of its commands; each is imported when it is used."""

from __future__ import annotations

from typing import Annotated

import typer

from spikerain_edge.commands.table import CommandEntry, group_of
from spikerain_edge.console import version_shower

COMMANDS = {
    "fit": CommandEntry(
        "spikerain_training.commands.fit",
        "Trains a network on clean images with weather rendered on the fly, or on pairs.",
    ),
    "evaluate": CommandEntry(
        "spikerain_training.commands.evaluate",
        "Measures methods on clean images behind seeded weather, or on rainy and clean pairs.",
    ),
    "prepare": CommandEntry(
        "spikerain_training.commands.prepare",
        "Checks a data set: counts, sizes, unpaired, unreadable and mismatched files.",
    ),
    "average": CommandEntry(
        "spikerain_training.commands.average",
        "Averages the weights of two checkpoints of one training, to combine their strengths.",
    ),
    "import": CommandEntry(
        "spikerain_training.commands.import_weights",
        "Imports weights saved by the authors' published code; every tensor has to match.",
    ),
}
"""All commands by name."""

app = typer.Typer(
    cls=group_of(COMMANDS),
    help="Trains SpikeRain networks.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    epilog="Exit codes: 0 success, 2 invalid input or usage, 3 a file cannot be read or written, "
    "4 a checkpoint or model cannot be used, 5 the training diverged or memory ran out, 130 "
    "stopped by Ctrl-C (fit also stops at SIGTERM, and saves the run first).",
)


@app.callback()
def root(
    shown: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=version_shower("spikerain-train"),
            is_eager=True,
            help="Show the version and exit.",
        ),
    ] = False,
) -> None:
    """Trains SpikeRain networks."""
