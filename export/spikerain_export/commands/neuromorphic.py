"""`spikerain-edge neuromorphic run`: runs a spiking network on a simulator, and compares it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from spikerain_edge.commands.extras import extra_required
from spikerain_edge.commands.report_arguments import JsonReport
from spikerain_edge.console import Debug, Logs, Verbose, command_scope, print_line, write_json
from spikerain_edge.errors import ModelError
from spikerain_edge.files import require_distinct
from spikerain_edge.logs import LogFormat
from spikerain_edge.neuromorphic.simulators import Simulator
from spikerain_edge.sizes import parse_size

app = typer.Typer(name="neuromorphic", add_completion=False, no_args_is_help=True)


@app.callback()
def neuromorphic() -> None:
    """Runs a spiking network on NEST, PyNN or Brian2 and compares every spike."""


@app.command()
def run(
    model: Annotated[
        str,
        typer.Argument(
            help="Checkpoint folder, ONNX file or NIR file (.nir) of neurons and convolutions only."
        ),
    ],
    simulator: Annotated[
        Simulator,
        typer.Option(
            metavar="NAME",
            help="nest, brian2, pynn-nest (a PyNN description on NEST, slow), or "
            "spinnaker-virtual (the mapping onto a virtual board, which has no spikes).",
        ),
    ] = Simulator.NEST,
    size: Annotated[
        str | None,
        typer.Option(
            "--size",
            "--imgsz",
            metavar="N|WxH",
            help="Image size: width x height, or one number for a square. Leave it out "
            "for a NIR file.",
        ),
    ] = None,
    grid: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=16,
            metavar="BITS",
            help="Round weights to multiples of 2^-BITS, so that sums are exact in any order.",
        ),
    ] = None,
    image: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Rainy image; its middle is used. Default: the rainiest part of the demo.",
        ),
    ] = None,
    truth: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The same image without rain.")
    ] = None,
    python: Annotated[
        str,
        typer.Option(
            metavar="FILE", help="Python that has the simulator.", show_default="this one"
        ),
    ] = sys.executable,
    json_to: JsonReport = None,
    verbose: Verbose = False,
    log_format: Logs = LogFormat.TEXT,
    debug: Debug = False,
) -> None:
    """Runs a spiking network on a simulator, and compares every spike and membrane potential.

    Every neuron becomes a cell, and every weight a synapse. Exits with 4 if a spike differs.
    """
    with command_scope(debug=debug, verbose=verbose, log_format=log_format) as aside:
        shape = None if size is None else parse_size(size, "--size")[::-1]
        with extra_required("running spiking networks", "export,nir,neuromorphic"):
            import scipy.sparse  # noqa: F401 - needed after the model has been read

            from spikerain_export.artefact import require_writable
            from spikerain_export.spiking.model import open_spiking
            from spikerain_export.spiking.patch import cut_patch
            from spikerain_export.spiking.trial import lines, mapped, simulated
        if json_to and json_to != "-":
            require_writable(Path(json_to), "--json")
            require_distinct([json_to], [each for each in (Path(model), image, truth) if each])
        opened = open_spiking(model, shape, grid, simulator)
        patch = cut_patch(image, truth, opened.model.size)
        with aside.status(f"running {opened.model.name} on {simulator.value}"):
            if simulator is Simulator.SPINNAKER:
                report = mapped(opened, patch, python)
            else:
                report = simulated(opened, patch, simulator, python)
        if json_to:
            write_json(report, json_to)
        if json_to != "-":
            for title, text in lines(report):
                print_line(f"{title:16} {text}")
        if report.get("different"):
            raise ModelError(
                f"{report['different']} of {report['compared']} spikes differ, first in "
                f"{report['first_different']}",
                _remedy(model, grid),
            )


def _remedy(model: str, grid: int | None) -> str:
    """What to do about spikes that differ."""
    if grid is not None:
        return "report a bug, with the file of --json FILE"
    how = "export the file again" if Path(model).suffix == ".nir" else "run it"
    return f"rounding can cause this: {how} with --grid 8. If spikes still differ, report a bug"
