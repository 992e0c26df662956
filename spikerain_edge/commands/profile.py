"""`spikerain-edge profile`: measures the cost of a frame at several image sizes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from spikerain_edge.commands.graph_arguments import Backend, Threads
from spikerain_edge.commands.report_arguments import CsvReport, HtmlReport, JsonReport, Power
from spikerain_edge.commands.variadic import VariadicCommand
from spikerain_edge.console import Debug, Logs, Verbose, command_scope, live_status, print_line
from spikerain_edge.errors import InputError
from spikerain_edge.files import require_distinct, require_writable, write_whole
from spikerain_edge.logs import LogFormat
from spikerain_edge.sizes import parse_shape

if TYPE_CHECKING:
    from spikerain_edge.profiling.document import Report

app = typer.Typer(add_completion=False)
_log = logging.getLogger(__name__)
_STDOUT = "-"
_SIZES = ("256", "512", "720")
_UNTRAINED_NOTE = (
    "No trained weights of {} are shipped: it was measured untrained. Times and dense operations "
    "are those of any weights; spikes and energy are not those of a trained network."
)


@app.command(cls=VariadicCommand)
def profile(
    model: Annotated[
        str, typer.Option(help="Shipped model, ONNX file, or s, m, l (untrained).")
    ] = "nano",
    imgsz: Annotated[
        list[str] | None,
        typer.Option(
            metavar="N|WxH ...",
            help="Image sizes: width x height, or one number for a square.",
            show_default=" ".join(_SIZES),
        ),
    ] = None,
    images: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER", help="Rainy images to measure on, at most 8. Default: the demo."
        ),
    ] = None,
    backend: Backend = "auto",
    warmup: Annotated[int, typer.Option(min=0, help="Frames before the timed ones.")] = 5,
    iterations: Annotated[int, typer.Option(min=1, help="Timed frames per size.")] = 50,
    threads: Threads = None,
    power: Power = True,
    neuron_cost: Annotated[
        bool, typer.Option("--neuron-cost", help="Add 3.7 pJ of energy per emitted spike.")
    ] = False,
    board: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Show bounds for another board: orin-nano, agx-orin ..."),
    ] = None,
    neuromorphic: Annotated[
        bool,
        typer.Option("--neuromorphic", help="Show what neuromorphic chips would need: arithmetic."),
    ] = False,
    table1: Annotated[
        bool, typer.Option("--table1", help="Show the convention of the paper's Table 1.")
    ] = False,
    per_layer: Annotated[
        bool, typer.Option("--per-layer", help="Show every convolution and neuron layer.")
    ] = False,
    json_to: JsonReport = None,
    csv_to: CsvReport = None,
    html_to: HtmlReport = None,
    verbose: Verbose = False,
    log_format: Logs = LogFormat.TEXT,
    debug: Debug = False,
) -> None:
    """Measures latency, operations, spikes and energy at several image sizes."""
    with command_scope(debug=debug, verbose=verbose, log_format=log_format) as console:
        from spikerain_edge.commands.frames import ScaledFrames
        from spikerain_edge.cores import limit_opencv, tell_surplus
        from spikerain_edge.inference.backends import backend_named
        from spikerain_edge.profiling.examination import ProfileOptions
        from spikerain_edge.profiling.exported import is_untrained, measurable
        from spikerain_edge.profiling.report import profile as measure
        from spikerain_edge.profiling.tables import WIDTH, report_tables

        tell_surplus(threads)
        limit_opencv(threads)
        destinations = [target for target in (json_to, csv_to, html_to) if target]
        frames = ScaledFrames(images)
        read = [] if is_untrained(model) else model_files(model)
        check_destinations(destinations, [*read, *frames.paths])
        provider = backend_named(backend)
        with live_status(console, "starting"), measurable(model) as file:
            options = ProfileOptions(
                model=file,
                sizes=tuple(parse_shape(text) for text in imgsz or _SIZES),
                images=images or "demo",
                frames_note=frames.note,
                model_note=_UNTRAINED_NOTE.format(model) if is_untrained(model) else "",
                provider=provider,
                threads=threads,
                warmup=warmup,
                iterations=iterations,
                power=power,
                neuron_cost=neuron_cost,
                board=board,
                neuromorphic=neuromorphic,
            )
            report = measure(options, frames, previous=frames.previous)
        shown = console if _STDOUT in destinations else Console()
        shown.width = min(WIDTH, shown.width) if shown.is_terminal else WIDTH
        shown.print(report_tables(report, table1=table1, per_layer=per_layer))
        write_files(report, json_to, csv_to, html_to)
        require_rows(report)


def model_files(name: str) -> list[Path]:
    """Returns the files of a model.

    Raises:
        InputError: the model does not exist.
    """
    from spikerain_edge.models import find_model

    found = find_model(name)
    return [found.graph.path, *([found.probe.path] if found.probe else [])]


def check_destinations(destinations: list[str], read: list[Path]) -> None:
    """Checks, before anything is measured, that the reports can be written.

    Args:
        destinations: paths of the reports, or `-` for standard output.
        read: model and image files.

    Raises:
        InputError: a report cannot be written, or would overwrite an input or another report.
    """
    if destinations.count(_STDOUT) > 1:
        raise InputError(
            "two reports cannot both be written to standard output",
            "use - for only one of --json, --csv and --html, and name files for the others",
        )
    require_distinct(destinations, read)
    for destination in destinations:
        if destination != _STDOUT:
            require_writable(Path(destination))


def require_rows(report: Report) -> None:
    """Checks, after the reports are written, that at least one size was measured.

    Raises:
        InputError: no size was measured; the message names the first problem.
    """
    problems = [row.problem for row in report.rows]
    if all(problems):
        raise InputError(
            f"no size could be measured: {problems[0]}", "name other sizes with --imgsz"
        )


def write_files(
    report: Report, json_to: str | None, csv_to: str | None, html_to: str | None
) -> None:
    """Writes the requested reports to files, or to standard output for `-`.

    Raises:
        OSError: a file cannot be written; the error names it.
    """
    from spikerain_edge.profiling.document import as_json
    from spikerain_edge.profiling.html import render
    from spikerain_edge.profiling.spreadsheet import rows_as_csv

    renderers: list[tuple[str | None, Callable[[Report], str]]] = [
        (json_to, as_json),
        (csv_to, rows_as_csv),
        (html_to, render),
    ]
    for destination, render_report in renderers:
        if destination == _STDOUT:
            print_line(render_report(report).removesuffix("\n"))
        elif destination:
            write_whole(Path(destination), render_report(report).encode())
            _log.info("wrote %s", destination)
