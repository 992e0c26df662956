"""The `spikerain-edge` command: puts the commands together."""

from __future__ import annotations

from typing import Annotated

import typer

from spikerain_edge.commands.export import export
from spikerain_edge.commands.info import info
from spikerain_edge.commands.profile import profile
from spikerain_edge.commands.run import run
from spikerain_edge.commands.variadic import VariadicCommand
from spikerain_edge.console import version_shower

app = typer.Typer(
    help="Removes rain from camera streams with the SpikeRain spiking neural network.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    epilog="Exit codes: 0 done, 2 bad input or usage, 3 source or sink failed for good, 4 model or "
    "engine unusable, 130 stopped by Ctrl-C, 143 stopped by SIGTERM (files are complete).",
)


@app.callback()
def root(
    shown: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=version_shower("spikerain-edge"),
            is_eager=True,
            help="Show the version and exit.",
        ),
    ] = False,
) -> None:
    """Removes rain from camera streams with the SpikeRain spiking neural network."""


app.command()(run)
app.command()(export)
app.command()(info)
app.command(cls=VariadicCommand)(profile)


def main() -> None:
    """Entry point of the console script."""
    app()
