"""The `spikerain-train` command."""

from __future__ import annotations

from typing import Annotated

import typer

from spikerain_edge.console import version_shower
from spikerain_training.commands.average import average
from spikerain_training.commands.evaluate import evaluate
from spikerain_training.commands.fit import fit
from spikerain_training.commands.import_weights import import_weights
from spikerain_training.commands.prepare import prepare

app = typer.Typer(
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


app.command()(fit)
app.command()(evaluate)
app.command()(prepare)
app.command()(average)
app.command("import")(import_weights)
