"""`spikerain-train average`: averages the weights of two checkpoints."""

from __future__ import annotations

import logging
from pathlib import Path
from shlex import quote
from typing import Annotated

import torch
import typer
from rich.console import Console

from spikerain_edge.console import Debug, Logs, Verbose, command_scope, counting_bar
from spikerain_edge.errors import InputError
from spikerain_edge.logs import LogFormat
from spikerain_training.averaging import interpolate, renew_statistics
from spikerain_training.checkpoint import load_network, require_free, save_network
from spikerain_training.commands.options import PROGRAM
from spikerain_training.datasets import training_batches
from spikerain_training.network import SpikeRain

app = typer.Typer(add_completion=False)
_log = logging.getLogger(__name__)


@app.command()
def average(
    first: Annotated[Path, typer.Argument(help="Checkpoint folder that a run started from.")],
    second: Annotated[Path, typer.Argument(help="Checkpoint folder that this run wrote.")],
    output: Annotated[Path, typer.Option(help="Checkpoint folder to write.")],
    weight: Annotated[
        float, typer.Option(min=0, max=1, help="Weight of the second checkpoint.")
    ] = 0.5,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder of training images, clean or pairs. The batch norm statistics are "
            "recomputed on 640 rainy crops of 128x128 pixels. Without this option they are "
            "averaged like the weights."
        ),
    ] = None,
    verbose: Verbose = False,
    log_format: Logs = LogFormat.TEXT,
    debug: Debug = False,
) -> None:
    """Averages the weights of two checkpoints of one training, to combine their strengths.

    The second checkpoint must have been trained from the first one (Wortsman et al., 2022); weights
    of unrelated runs cannot be averaged. A smaller first network is grown, as with `fit --initial`.
    """
    with command_scope(
        debug=debug, verbose=verbose, log_format=log_format, program=PROGRAM
    ) as console:
        require_free(output)
        start, end = load_network(first), load_network(second)
        try:
            mean = interpolate(start, end, weight)
        except InputError as error:
            cause = f"cannot average {first} and {second}: {error.cause}"
            raise InputError(cause, "name two checkpoints of the same training") from error
        if data:
            _recompute_statistics(mean, data, console)
        save_network(output, mean.config, mean.state_dict())
        _log.info(
            "weights written to %s; next: spikerain-train evaluate --model %s --data held_out/",
            output,
            quote(str(output)),
        )


def _recompute_statistics(network: SpikeRain, folder: Path, console: Console) -> None:
    frames, count = network.config.frames, 40
    batches = training_batches(
        folder, crop=128, batch=16 // frames, count=count, dry=0.15, frames=frames
    )
    network.to("cuda" if torch.cuda.is_available() else "cpu")
    with counting_bar(console) as bar:
        renew_statistics(network, bar.track(batches, total=count, description="measuring"))
