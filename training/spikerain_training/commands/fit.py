"""`spikerain-train fit`: trains a network and shows its progress."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from shlex import quote
from typing import Annotated

import typer
from rich.progress import Progress as Bar
from rich.progress import TaskID

from spikerain_edge.console import Debug, Logs, Verbose, command_scope, counting_bar
from spikerain_edge.errors import InputError
from spikerain_edge.logs import LogFormat
from spikerain_training import fit as training
from spikerain_training.checkpoint import require_run
from spikerain_training.commands.options import PROGRAM, RainyHalves, folders_of, halves
from spikerain_training.hardware import Hardware, interruptible
from spikerain_training.logbook import StepReport
from spikerain_training.processes import is_first_process
from spikerain_training.recipe import Recipe
from spikerain_training.recipe_settings import overridden, read_recipe
from spikerain_training.record import Data, recorded_data, recorded_recipe

app = typer.Typer(add_completion=False)
_log = logging.getLogger(__name__)
_INTERRUPTED = 130


@app.command()
def fit(
    output: Annotated[Path, typer.Option(help="Checkpoint folder to write.")],
    data: Annotated[
        list[str] | None,
        typer.Option(
            help="Folder of clean images, which get rendered weather, or of pairs (see prepare). "
            "Repeat it to mix folders, with weights: FOLDER=WEIGHT. A resumed run uses its "
            "earlier folders by default."
        ),
    ] = None,
    config: Annotated[Path | None, typer.Option(help="TOML recipe; see training/configs.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change a setting of the recipe, NAME=VALUE; may be repeated."),
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Same as --set steps=N.")] = None,
    validation: Annotated[
        Path | None,
        typer.Option(
            help="Folder to validate on: pairs, or clean images, which get seeded rain. A resumed "
            "run uses its earlier folder by default."
        ),
    ] = None,
    rainy_half: RainyHalves = None,
    initial: Annotated[
        Path | None,
        typer.Option(
            help="Checkpoint whose weights a new run starts from; a smaller network is grown."
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in OUTPUT.")] = False,
    accelerator: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    devices: Annotated[int, typer.Option(min=1, help="Processes on this machine.")] = 1,
    nodes: Annotated[int, typer.Option(min=1, help="Number of machines; see torchrun.")] = 1,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Processes that prepare samples, for each device. Default: 1 for a CPU, 8 for a "
            "GPU.",
        ),
    ] = None,
    verbose: Verbose = False,
    log_format: Logs = LogFormat.TEXT,
    debug: Debug = False,
) -> None:
    """Trains a network on clean images with weather rendered on the fly, or on pairs.

    Ctrl-C saves the run and stops it; --resume continues it. For several devices or machines, use
    torchrun: torchrun --nproc-per-node 2 -m spikerain_training fit ...
    """
    with command_scope(
        debug=debug, verbose=verbose, log_format=log_format, program=PROGRAM, processes=True
    ) as console:
        if resume and initial:
            raise InputError(
                "--resume and --initial cannot be used together",
                "omit --initial to continue the run, or --resume to start a new one",
            )
        seen = Data(folders_of(data or []), validation=validation)
        if resume:
            require_run(output)
            seen = _resumed(seen, output)
        if not seen.folders:
            raise InputError("no training data given", "name a folder: --data FOLDER")
        given_halves = halves(rainy_half or [], seen.seen)
        seen = replace(seen, rainy_half={**seen.rainy_half, **given_halves})
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
                hardware=Hardware(accelerator, devices, nodes, workers),
                resume=resume,
                initial=initial,
                interrupted=interrupted,
                progress=_shown_on(bar, recipe),
            )
        if is_first_process():
            _log_end(done, recipe, output)
        if done < recipe.steps:
            raise typer.Exit(_INTERRUPTED)


def _log_end(done: int, recipe: Recipe, output: Path) -> None:
    if done < recipe.steps:
        resume = f"spikerain-train fit --resume --output {quote(str(output))}"
        _log.info("stopped and saved at step %d; continue: %s", done, resume)
    else:
        _log.info(
            "weights written to %s; next: spikerain-edge export %s", output, quote(str(output))
        )


def _resumed(given: Data, output: Path) -> Data:
    """Returns the given data, completed by those of the last session.

    Raises:
        InputError: a folder of the last session does not exist, or its record is damaged.
    """
    seen = given.or_else(recorded_data(output))
    recorded = [] if given.folders else list(seen.folders)
    recorded += [seen.validation] if seen.validation and not given.validation else []
    for folder in recorded:
        if not folder.is_dir():
            option = "--data" if folder in seen.folders else "--validation"
            cause = f"the folder {folder}, which the run used before, does not exist"
            remedy = f"name its new place: {option} FOLDER"
            if not folder.is_absolute():
                cause += f" in {Path.cwd()}"
                remedy = f"start in the directory of the first session, or {remedy}"
            raise InputError(cause, remedy)
    return seen


def _shown_on(bar: Bar, recipe: Recipe) -> Callable[[StepReport], None]:
    """Returns a function that shows the progress of a run.

    Every step updates the bar on a terminal. Every validation logs a line; without a terminal every
    save logs a line too.
    """
    tasks: list[TaskID] = []

    def show(progress: StepReport) -> None:
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
                f"; validation: {measured.psnr:.2f} dB PSNR-Y ({gain:+.2f}), "
                f"SSIM {measured.ssim:.4f}"
            )
        if measured or (bar.disable and progress.step % recipe.save_every == 0):
            _log.info("step %d: %s", progress.step, text, extra=asdict(progress))

    return show
