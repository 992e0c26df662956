"""The `spikerain-train` command."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from spikerain_training import fit as training
from spikerain_training.commands.console import counting_bar, one_line_errors
from spikerain_training.commands.evaluate import evaluate
from spikerain_training.commands.options import weighted
from spikerain_training.commands.prepare import prepare
from spikerain_training.recipe import Recipe, read_recipe

app = typer.Typer(
    help="Trains SpikeRain networks.", no_args_is_help=True, pretty_exceptions_enable=False
)


@app.callback()
def root() -> None:
    """Trains SpikeRain networks."""


@app.command()
def fit(
    data: Annotated[
        list[str],
        typer.Option(
            help="Folder of clean images, to be seen behind rendered rain, or of rainy and clean "
            "pairs; see prepare. Repeat it to mix folders, FOLDER=WEIGHT."
        ),
    ],
    output: Annotated[Path, typer.Option(help="Checkpoint folder to write.")],
    config: Annotated[Path | None, typer.Option(help="TOML recipe; see training/configs.")] = None,
    validation: Annotated[Path | None, typer.Option(help="Folder of clean images.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Overrides the recipe.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue in OUTPUT.")] = False,
) -> None:
    """Trains a network on clean images with rain rendered on the fly, or on pairs."""
    console = Console(stderr=True)
    with one_line_errors(console):
        folders = dict(map(weighted, data))
        recipe = read_recipe(config) if config else Recipe()
        if steps is not None:
            recipe = replace(recipe, steps=steps)
        with counting_bar(console) as bar:
            task = bar.add_task(f"training {recipe.variant}", total=recipe.steps)

            def show(progress: training.Progress) -> None:
                text = f"loss {progress.loss:.4f}, firing rate {progress.firing_rate:.3f}"
                bar.update(task, completed=progress.step, description=text)
                if progress.gain is not None:
                    gain = f"medium rain {progress.gain:+.2f} dB PSNR-Y"
                    bar.console.print(f"step {progress.step}: {text}, {gain}")

            training.fit(recipe, folders, output, validation=validation, resume=resume, report=show)
    console.print(f"weights in {output}; next: spikerain-edge export {output}", markup=False)


app.command()(evaluate)
app.command()(prepare)
