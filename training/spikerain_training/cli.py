"""The `spikerain-train` command."""

from __future__ import annotations

import typer

from spikerain_training.commands.average import average
from spikerain_training.commands.evaluate import evaluate
from spikerain_training.commands.fit import fit
from spikerain_training.commands.import_weights import import_weights
from spikerain_training.commands.prepare import prepare

app = typer.Typer(
    help="Trains SpikeRain networks.", no_args_is_help=True, pretty_exceptions_enable=False
)


@app.callback()
def root() -> None:
    """Trains SpikeRain networks."""


app.command()(fit)
app.command()(evaluate)
app.command()(prepare)
app.command()(average)
app.command("import")(import_weights)
