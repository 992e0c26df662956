"""The `spikerain-edge` command: one table of commands, each imported when it is used."""

from __future__ import annotations

from typing import Annotated

import typer

from spikerain_edge.commands.table import CommandEntry, group_of
from spikerain_edge.console import version_shower

COMMANDS = {
    "run": CommandEntry("spikerain_edge.commands.run", "Derains a camera, a video or images."),
    "export": CommandEntry(
        "spikerain_export.commands.export",
        "Turns a model into an ONNX graph or a TensorRT engine and proves what it has become.",
    ),
    "info": CommandEntry(
        "spikerain_edge.commands.info",
        "Prints what a model or engine is: network, precision, sizes, what made it.",
    ),
    "profile": CommandEntry(
        "spikerain_edge.commands.profile",
        "Measures latency, operations, spikes and energy at several image sizes.",
    ),
}
"""Every command by its name. A module is a string here, so that this package imports none."""

app = typer.Typer(
    cls=group_of(COMMANDS),
    help="Removes rain from camera streams with the SpikeRain spiking neural network.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    epilog="Exit codes: 0 done, 2 bad input or usage, 3 source or sink failed for good, 4 model or "
    "engine unusable, 5 out of memory, 129 terminal closed, 130 stopped by Ctrl-C, 143 stopped by "
    "SIGTERM (files are complete).",
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


def main() -> None:
    """CommandEntry point of the console script."""
    app()
