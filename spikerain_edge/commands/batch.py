"""`spikerain-edge batch`: derains a tree of images and videos with all cores, or on a cluster."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from spikerain_edge.batch.isolation import isolate
from spikerain_edge.batch.manifest import NAME, counts
from spikerain_edge.commands.extras import extra_required
from spikerain_edge.commands.graph_arguments import Backend, FrameSize, ModelName, Tiling
from spikerain_edge.commands.signals import Signals
from spikerain_edge.console import Debug, Logs, Verbose, command_scope, counting_bar
from spikerain_edge.errors import ComputeError, InputError, ModelError, SpikeRainError, StreamError
from spikerain_edge.logs import LogFormat
from spikerain_edge.models import IMAGE_MODEL, VIDEO_MODEL, shipped_models
from spikerain_edge.sizes import parse_size, parse_tile

if TYPE_CHECKING:
    from spikerain_edge.batch.derain_tree import Place, Report
    from spikerain_edge.batch.manifest import Record
    from spikerain_edge.batch.outcome import Settings
    from spikerain_edge.batch.tree import Input

app = typer.Typer(add_completion=False)
_log = logging.getLogger(__name__)

# Inputs that a message names.
_NAMED = 3


@app.command()
def batch(
    tree: Annotated[
        Path, typer.Argument(help="Folder of images and videos, or a single file.", metavar="TREE")
    ],
    output: Annotated[
        Path,
        typer.Option(
            metavar="TREE", help="Output folder that mirrors TREE; resumes an earlier batch."
        ),
    ],
    model: ModelName = None,
    address: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT|auto",
            help="Ray cluster to work on; all nodes must see both folders under the same paths. "
            "Default: this machine only.",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, max=10_000, help="Worker processes. Default: cores / --threads."),
    ] = None,
    threads: Annotated[int, typer.Option(min=1, max=256, help="CPU threads of each worker.")] = 1,
    gpus: Annotated[
        float, typer.Option(min=0, help="Share of a GPU for each worker, such as 0.5 or 1.")
    ] = 0.0,
    size: FrameSize = None,
    segment: Annotated[
        int,
        typer.Option(
            "--segment-frames",
            metavar="N",
            min=1,
            help="Cut videos at keyframes into segments of N frames or more.",
        ),
    ] = 250,
    backend: Backend = "auto",
    tile: Tiling = None,
    verbose: Verbose = False,
    log_format: Logs = LogFormat.TEXT,
    debug: Debug = False,
) -> None:
    """Removes rain from a tree of images and videos, on all cores or on a Ray cluster.

    Finished inputs are skipped: run the same command again to resume. The file manifest.jsonl in
    the output folder holds the result of each input.
    """
    with command_scope(debug=debug, verbose=verbose, log_format=log_format) as console:
        if address is None:
            isolate()
        with extra_required("batch", "batch"):
            from spikerain_edge.batch.derain_tree import Place
        from spikerain_edge.batch.outcome import Settings
        from spikerain_edge.batch.tree import find_inputs
        from spikerain_edge.files import resolved

        settings = Settings(
            (IMAGE_MODEL, VIDEO_MODEL) if model is None else (_anywhere(model),) * 2,
            backend,
            threads,
            parse_size(size) if size is not None else None,
            parse_tile(tile) if tile is not None else None,
            segment,
            resolved(output),
        )
        found = find_inputs(tree, output)
        if found.passed_over:
            names = [path.name for path in found.passed_over]
            _log.warning(
                "skipped files that are not images or videos, and links to folders: %s",
                _listed(names),
            )
        _run(found.inputs, settings, Place(address, workers, gpus), console)


def _anywhere(model: str) -> str:
    """The name of a shipped model, or the path of a file that is valid in every folder."""
    return model if model in shipped_models() else str(Path(model).absolute())


def _run(inputs: Sequence[Input], settings: Settings, place: Place, console: Console) -> None:
    """Derains the inputs and reports what became of them.

    Raises:
        SpikeRainError: inputs failed or are incomplete; of the kind of the first of them.
        typer.Exit: a signal has ended the batch.
    """
    from spikerain_edge.batch.derain_tree import Progress, derain_tree

    bar, signals = counting_bar(console), Signals()
    task = bar.add_task("deraining", total=None)

    def begin(number: int, stop: Callable[[], None]) -> None:
        bar.update(task, total=number)
        signals.begun(stop, lambda: None)

    def advance(done: int, added: int) -> None:
        bar.update(task, advance=done, total=(bar.tasks[0].total or 0) + added)

    with signals.handled(), bar:
        report = derain_tree(inputs, settings, place, Progress(begin, advance))
    _tell(report, settings)
    if signals.received is not None:
        raise typer.Exit(128 + signals.received)
    failures = [record for record in [*report.before, *report.now] if record.error is not None]
    if failures:
        raise _together(failures, len(inputs), settings)


def _tell(report: Report, settings: Settings) -> None:
    numbers = counts(report.now)
    _log.info(
        "%d inputs derained, %d incomplete, %d failed, %d were finished before; see %s",
        *(numbers["done"], numbers["incomplete"], numbers["failed"], len(report.before)),
        settings.output / NAME,
    )


def _together(failures: Sequence[Record], inputs: int, settings: Settings) -> SpikeRainError:
    """One error for inputs that failed or are incomplete."""
    first = failures[0].error
    kinds = {kind.exit_code: kind for kind in (StreamError, ModelError, ComputeError)}
    kind = kinds.get(first.exit_code, InputError) if first else InputError
    return kind(
        f"{len(failures)} of {inputs} inputs failed or are incomplete: "
        f"{_listed([record.input for record in failures])}",
        f"see why: grep -v '\"error\": null' {quote(str(settings.output / NAME))}",
    )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"
