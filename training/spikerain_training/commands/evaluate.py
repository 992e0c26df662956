"""`spikerain-train evaluate`: measures methods against the ground truth and shows their images."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import ExitStack
from functools import partial
from itertools import product
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from spikerain_edge.console import (
    Debug,
    Logs,
    Verbose,
    command_scope,
    counting_bar,
    write_json,
)
from spikerain_edge.errors import InputError
from spikerain_edge.files import require_folder, require_targets
from spikerain_edge.images.picture import Half
from spikerain_edge.logs import LogFormat
from spikerain_training.commands.options import PROGRAM, RainyHalf, Seeded, half
from spikerain_training.commands.tables import show, table
from spikerain_training.commands.video_evaluation import evaluate_video, require_video
from spikerain_training.evaluation import gallery as pages
from spikerain_training.evaluation.methods import open_method
from spikerain_training.evaluation.outcomes import (
    Outcome,
    Score,
    outcomes,
    require_names,
    save,
    scores,
)
from spikerain_training.evaluation.scenes import EvalScene, measured_scenes, real_scenes, spread
from spikerain_training.evaluation.summary import (
    CONVERSIONS,
    summarise,
    to_document,
    write_csv,
)

app = typer.Typer(add_completion=False)
_log = logging.getLogger(__name__)
Count = Annotated[int | None, typer.Option(min=1, help="Use only this many images of a folder.")]


@app.command()
def evaluate(
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="Checkpoint folder, shipped model, ONNX file, or folder with results of another "
            "method; NAME=MODEL sets the name of its column. Repeat it to compare several "
            "methods. Default: nano."
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder of clean images, which get seeded weather, or of rainy and clean pairs in "
            "any layout that `prepare` knows. Default: images/."
        ),
    ] = None,
    weather: Annotated[
        list[Seeded] | None,
        typer.Option(
            help="Weather in front of clean images; may be repeated. Rain comes in three "
            "strengths, and beside them the clean images themselves. Default: rain."
        ),
    ] = None,
    photographs: Annotated[
        Path | None,
        typer.Option(help="Folder of rainy photographs without ground truth, for the gallery."),
    ] = None,
    rainy_half: RainyHalf = None,
    limit: Count = None,
    csv: Annotated[Path | None, typer.Option(help="Write the metrics of every image.")] = None,
    json: Annotated[
        str | None, typer.Option(help="Write means and the metrics of every image; - prints them.")
    ] = None,
    gallery: Annotated[
        Path | None, typer.Option(help="Write an HTML page that shows the images.")
    ] = None,
    gallery_images: Annotated[
        int, typer.Option(min=1, help="Images on the page for each strength of rain.")
    ] = 4,
    save_images: Annotated[
        Path | None,
        typer.Option(help="Write rainy and restored images as FOLDER/METHOD/RAIN/NAME.png."),
    ] = None,
    video: Annotated[
        bool,
        typer.Option(
            "--video",
            help="Measure on clips: a virtual camera, which is static, pans or is held in a hand, "
            "moves over each clean image behind rendered rain.",
        ),
    ] = False,
    clip: Annotated[
        list[Path] | None,
        typer.Option(
            help="Real video of a static camera without ground truth, for --video: flicker and "
            "feature tracks are measured. May be repeated."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the bootstrap.")] = 0,
    verbose: Verbose = False,
    log_format: Logs = LogFormat.TEXT,
    debug: Debug = False,
) -> None:
    """Measures methods on clean images behind seeded weather, or on rainy and clean pairs.

    Prints PSNR and SSIM on MATLAB luma and on RGB, the gain over the rainy input, and 95 %
    intervals. With --video, it also prints the flicker, and compares with the first method.
    """
    with (
        command_scope(
            debug=debug, verbose=verbose, log_format=log_format, program=PROGRAM
        ) as console,
        ExitStack() as stack,
    ):
        require_targets(csv, json, gallery)
        if video or clip:
            stills = {
                "--weather": weather,
                "--photographs": photographs,
                "--rainy-half": rainy_half,
                "--gallery": gallery,
                "--save-images": save_images,
            }
            require_video(stills, video=video)
            photographs = data or (None if clip else _data_folder(None, None, shown=False))
            evaluate_video(
                model or ["nano"], photographs, clip or (), limit, seed, console, csv, json
            )
            _log_written(csv, json)
            return
        if save_images:
            require_folder(save_images)
        data = _data_folder(data, photographs, shown=bool(gallery or save_images))
        methods = [stack.enter_context(open_method(given)) for given in model or ["nano"]]
        require_names(methods)
        scenes: list[EvalScene] = []
        if data:
            kinds = [kind.value for kind in weather or ()]
            scenes += _measured_scenes(data, half(rainy_half), limit, kinds, console)
        scenes += real_scenes(photographs, limit) if photographs else []
        with counting_bar(console) as bar:
            for scene, method in product(bar.track(scenes, description="checking"), methods):
                method.require(scene)
        shown = spread(scenes, gallery_images) if gallery else []
        with counting_bar(console) as bar:
            tracked = bar.track(scenes, description="evaluating")
            measured, figures = _measure(outcomes(tracked, methods), shown, save_images)
        means = summarise(measured, seed)
        try:
            for suffix, conversion in CONVERSIONS.items() if means else ():
                show(table(means, suffix, conversion), None if json != "-" else console)
        # The files are written even if the reader of standard output stops, as `head` does.
        finally:
            if csv:
                write_csv(csv, measured)
            if json:
                write_json(to_document(measured, means), json)
            if gallery:
                title = " · ".join(method.name for method in methods)
                pages.write(gallery, pages.page(title, figures, means))
        _log_written(csv, json, gallery, save_images)


def _log_written(*places: Path | str | None) -> None:
    written = [str(place) for place in places if place and place != "-"]
    if written:
        _log.info("wrote %s", ", ".join(written))


def _data_folder(data: Path | None, photographs: Path | None, *, shown: bool) -> Path | None:
    """Returns the folder to measure on, by default `images`; None for photographs only.

    Raises:
        InputError: no folder is given and `images` does not exist, or photographs are given but no
            output that shows them.
    """
    if photographs and not shown:
        raise InputError(
            "photographs have no ground truth, so they can be shown but not measured",
            "add --gallery FILE.html or --save-images FOLDER",
        )
    if data or photographs:
        return data
    if not Path("images").is_dir():
        raise InputError("no data to measure on", "name a folder: --data FOLDER")
    return Path("images")


def _measured_scenes(
    data: Path,
    rainy_half: Half | None,
    limit: int | None,
    weather: list[str],
    console: Console,
) -> list[EvalScene]:
    with counting_bar(console) as bar:
        track = partial(bar.track, description="checking")
        return measured_scenes(data, rainy_half, limit, track, weather)


def _measure(
    results: Iterable[Outcome], shown: list[EvalScene], folder: Path | None
) -> tuple[list[Score], list[pages.Figure]]:
    """Scores all outcomes, draws those in `shown`, and writes the images to `folder` if given."""
    measured: list[Score] = []
    figures: list[pages.Figure] = []
    for outcome in results:
        reached = scores(outcome)
        measured += reached
        if outcome.scene in shown:
            figures.append(pages.draw(outcome, reached))
        if folder:
            save(outcome, folder)
    return measured, figures
