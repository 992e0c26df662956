"""The program `spikerain-edge`: a table of commands; each module is imported on first use."""

from __future__ import annotations

from typing import Annotated

import typer

from spikerain_edge.commands.table import CommandEntry, group_of
from spikerain_edge.console import help_scope, version_shower
from spikerain_edge.ending import abandoning_threads

COMMANDS = {
    "run": CommandEntry(
        "spikerain_edge.commands.run", "Removes rain from a camera stream, a video or images."
    ),
    "batch": CommandEntry(
        "spikerain_edge.commands.batch",
        "Removes rain from a tree of images and videos, on all cores or on a Ray cluster.",
    ),
    "export": CommandEntry(
        "spikerain_export.commands.export",
        "Exports a model as an ONNX graph, TensorRT engine or NIR file, and verifies it.",
    ),
    "info": CommandEntry(
        "spikerain_edge.commands.info",
        "Describes a model or engine: network, precision, sizes, origin.",
    ),
    "profile": CommandEntry(
        "spikerain_edge.commands.profile",
        "Measures latency, operations, spikes and energy at several image sizes.",
    ),
    "benchmark": CommandEntry(
        "spikerain_export.commands.benchmark",
        "Measures every format of a model with every back end, side by side.",
    ),
    "neuromorphic": CommandEntry(
        "spikerain_export.commands.neuromorphic",
        "Runs a spiking network on NEST, PyNN or Brian2 and compares every spike.",
    ),
    "doctor": CommandEntry(
        "spikerain_edge.commands.doctor",
        "Shows what works on this machine, and the command that fixes what does not.",
    ),
}
"""Commands by name. Modules are named as strings, so this module imports none of them."""

app = typer.Typer(
    cls=group_of(COMMANDS),
    help="Removes rain from camera streams with the SpikeRain spiking neural network.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    epilog="Exit codes: 0 done, 2 wrong input or usage, 3 source or sink failed, 4 model or engine "
    "unusable, 5 out of memory, 129 terminal closed, 130 stopped by Ctrl-C, 143 stopped by "
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
    """Entry point of the program."""
    with help_scope("spikerain-edge"), abandoning_threads():
        app()
