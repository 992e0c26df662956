"""`spikerain-train fit`: trains a network and shows how it goes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress as Bar
from rich.progress import TaskID

from spikerain_training import fit as training
from spikerain_training.commands.console import counting_bar, one_line_errors
from spikerain_training.commands.options import RainyHalf, half, weighted
from spikerain_training.hardware import Hardware, interruptible
from spikerain_training.logbook import Progress
from spikerain_training.recipe import Recipe, overridden, read_recipe
from spikerain_training.record import Data, recorded_data, recorded_recipe

_INTERRUPTED = 130


def fit(
    output: Annotated[Path, typer.Option(help="Checkpoint folder to write.")],
    data: Annotated[
        list[str] | None,
        typer.Option(
            help="Folder of clean images, to be seen behind rendered weather, or of pairs; see "
            "prepare. Repeat it to mix folders, FOLDER=WEIGHT. A resumed run knows its own."
        ),
    ] = None,
    config: Annotated[Path | None, typer.Option(help="TOML recipe; see training/configs.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Overrides a setting of the recipe, NAME=VALUE; repeat it."),
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Same as --set steps=N.")] = None,
    validation: Annotated[
        Path | None,
        typer.Option(
            help="Folder to measure on: pairs, or clean images to be seen behind seeded rain. A "
            "resumed run knows its own."
        ),
    ] = None,
    rainy_half: RainyHalf = None,
    initial: Annotated[
        Path | None,
        typer.Option(
            help="Checkpoint whose weights a fresh run starts from; a smaller network is grown."
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue in OUTPUT.")] = False,
    accelerator: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    devices: Annotated[int, typer.Option(min=1, help="Processes on this machine.")] = 1,
    nodes: Annotated[int, typer.Option(min=1, help="Machines; see torchrun.")] = 1,
) -> None:
    """Trains a network on clean images with weather rendered on the fly, or on pairs.

    Ctrl-C saves and stops; --resume goes on. On several devices or machines, start it with
    torchrun: torchrun --nproc-per-node 2 -m spikerain_training fit ...
    """
    console = Console(stderr=True)
    with one_line_errors(console):
        seen = Data(dict(map(weighted, data or [])), half(rainy_half), validation)
        if resume:
            seen = seen.or_else(recorded_data(output))
        if not seen.folders:
            raise ValueError("nothing to train on; give --data FOLDER")
        if resume and initial:
            raise ValueError("--resume and --initial exclude each other; drop one")
        recipe = read_recipe(config) if config else None
        if recipe is None and resume:
            recipe = recorded_recipe(output)
        overrides = [*(settings or []), *([f"steps={steps}"] if steps else [])]
        recipe = overridden(recipe or Recipe(), overrides)
        with interruptible() as interrupted, counting_bar(console) as bar:
            done = training.fit(
                recipe,
                seen,
                output,
                hardware=Hardware(accelerator, devices, nodes),
                resume=resume,
                initial=initial,
                interrupted=interrupted,
                report=_reporter(bar, recipe),
            )
    if done < recipe.steps:
        line = f"stopped and saved at step {done}; go on: spikerain-train fit --resume --output"
        console.print(f"{line} {output}", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(_INTERRUPTED)
    line = f"weights in {output}; next: spikerain-edge export {output}"
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def _reporter(bar: Bar, recipe: Recipe) -> Callable[[Progress], None]:
    """Shows every step on a terminal; keeps a line per validation, and per save elsewhere."""
    tasks: list[TaskID] = []

    def show(progress: Progress) -> None:
        if not tasks:
            tasks.append(bar.add_task("", total=recipe.steps))
        text = (
            f"{recipe.variant}: loss {progress.loss:.4f}, {progress.psnr:.2f} dB, "
            f"SSIM {progress.ssim:.3f}, firing rate {progress.firing_rate:.3f}"
        )
        bar.update(tasks[0], completed=progress.step, description=text)
        measured = progress.measured
        if measured:
            gain = measured.psnr - measured.rainy_psnr
            text += (
                f"; held out: {measured.psnr:.2f} dB PSNR-Y ({gain:+.2f}), SSIM {measured.ssim:.4f}"
            )
        if measured or (not bar.console.is_terminal and progress.step % recipe.save_every == 0):
            bar.console.print(
                f"step {progress.step}: {text}", markup=False, highlight=False, soft_wrap=True
            )

    return show
