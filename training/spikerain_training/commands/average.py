"""`spikerain-train average`: a checkpoint between two others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from spikerain_training.checkpoint import load_network, save_network
from spikerain_training.commands.console import one_line_errors
from spikerain_training.growth import grow


def average(
    first: Annotated[Path, typer.Argument(help="Checkpoint folder that a run started from.")],
    second: Annotated[Path, typer.Argument(help="Checkpoint folder that it led to.")],
    output: Annotated[Path, typer.Option(help="Checkpoint folder to write.")],
    weight: Annotated[float, typer.Option(min=0, max=1, help="Share of the second.")] = 0.5,
) -> None:
    """Averages the weights of two stages of one training, which can keep the virtues of both.

    The second has to have been trained from the first (Wortsman et al., 2022): weights of separate
    runs have nothing in common. A smaller first network is grown, as `fit --initial` does.
    """
    console = Console(stderr=True)
    with one_line_errors(console):
        start, end = load_network(first), load_network(second)
        if start.config.width != end.config.width or start.config.units != end.config.units:
            start = grow(start, end.config)
        begun, trained = start.state_dict(), end.state_dict()
        differing = [
            name
            for name in {*begun, *trained}
            if name not in begun or name not in trained or begun[name].shape != trained[name].shape
        ]
        if differing:
            raise ValueError(f"{first} and {second} hold different networks")
        mean = {
            name: value.lerp(trained[name], weight) if value.is_floating_point() else trained[name]
            for name, value in begun.items()
        }
        save_network(output, end.config, mean)
    line = f"weights in {output}; next: spikerain-train evaluate --model {output} --data held_out/"
    console.print(line, markup=False, highlight=False, soft_wrap=True)
