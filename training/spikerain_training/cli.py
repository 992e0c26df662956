"""The `spikerain-train` command."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from spikerain_edge import Derainer, SpikeRainError
from spikerain_training import fit as training
from spikerain_training.data import image_paths, read_image
from spikerain_training.metrics import psnr_luma
from spikerain_training.recipe import Recipe, read_recipe
from spikerain_training.validation import mean_gain, severities

app = typer.Typer(
    help="Trains SpikeRain networks.", no_args_is_help=True, pretty_exceptions_enable=False
)


@app.callback()
def root() -> None:
    """Trains SpikeRain networks."""


@app.command()
def fit(
    data: Annotated[Path, typer.Option(help="Folder of clean images.")],
    output: Annotated[Path, typer.Option(help="Checkpoint folder to write.")],
    config: Annotated[Path | None, typer.Option(help="TOML recipe; see training/configs.")] = None,
    validation: Annotated[Path | None, typer.Option(help="Folder of clean images.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Overrides the recipe.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue in OUTPUT.")] = False,
) -> None:
    """Trains a network on clean images with rain rendered on the fly."""
    console = Console(stderr=True)
    try:
        recipe = read_recipe(config) if config else Recipe()
        if steps is not None:
            recipe = replace(recipe, steps=steps)
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
        ) as bar:
            task = bar.add_task(f"training {recipe.variant}", total=recipe.steps)

            def show(progress: training.Progress) -> None:
                text = f"loss {progress.loss:.4f}, firing rate {progress.firing_rate:.3f}"
                bar.update(task, completed=progress.step, description=text)
                if progress.gain is not None:
                    gain = f"medium rain {progress.gain:+.2f} dB PSNR-Y"
                    bar.console.print(f"step {progress.step}: {text}, {gain}")

            training.fit(recipe, data, output, validation=validation, resume=resume, report=show)
    except (OSError, ValueError, FloatingPointError) as error:
        console.print(f"spikerain-train: {error}", style="red", markup=False, highlight=False)
        raise typer.Exit(2) from error
    console.print(f"weights in {output}; next: spikerain-edge export {output}", markup=False)


@app.command()
def evaluate(
    model: Annotated[str, typer.Option(help="Shipped model or ONNX file.")] = "nano",
    data: Annotated[Path, typer.Option(help="Folder of clean images.")] = Path("images"),
) -> None:
    """Measures a model on clean images behind seeded light, medium and heavy rain."""
    console = Console(stderr=True)
    try:
        cleans = [read_image(path) for path in image_paths(data)]
        with Derainer.load(model) as derainer, Progress(console=console) as bar:
            table = Table(title=f"{model}: PSNR on MATLAB luma, dB, mean of {len(cleans)} images")
            for column in ("rain", "rainy", "derained", "gain"):
                table.add_column(column, justify="right")
            for severity in bar.track(severities().values(), description="evaluating"):
                before, after = mean_gain(derainer, cleans, severity)
                gain = f"{after - before:+.2f}"
                table.add_row(severity.name, f"{before:.2f}", f"{after:.2f}", gain)
            dry = float(np.mean([psnr_luma(derainer(clean), clean) for clean in cleans]))
            table.add_row("none", "", f"{dry:.2f}", "")
    except (OSError, ValueError, SpikeRainError) as error:
        console.print(f"spikerain-train: {error}", style="red", markup=False, highlight=False)
        raise typer.Exit(2) from error
    Console().print(table)
