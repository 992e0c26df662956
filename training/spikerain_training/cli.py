"""The `spikerain-train` command: one table of commands, each imported when it is used."""

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
        "Measures methods on clean images behind seeded rain, or on rainy and clean pairs.",
    ),
    "prepare": CommandEntry(
        "spikerain_training.commands.prepare",
        "Checks a data set: counts, sizes, unpaired, unreadable and mismatched files.",
    ),
    "average": CommandEntry(
        "spikerain_training.commands.average",
        "Averages the weights of two stages of one training, which can keep the virtues of both.",
    ),
    "import": CommandEntry(
        "spikerain_training.commands.import_weights",
        "Imports weights that the authors' published code has saved, all of them or none.",
    ),
}
"""Every command by its name; its module is imported when it is used."""

app = typer.Typer(
    cls=group_of(COMMANDS),
    help="Trains SpikeRain networks.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    epilog="Exit codes: 0 done, 2 bad input or usage, 3 file not readable or writable, 4 "
    "checkpoint or model unusable, 5 training diverged or memory ran out, 130 stopped by "
    "Ctrl-C or, in fit, by SIGTERM (the run is saved).",
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
