"""`spikerain-edge profile`: what a frame costs on this machine, size by size."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from spikerain_edge.console import Debug, one_line_errors
from spikerain_edge.errors import InputError

_SIZES = ("256", "512", "720")
_SMALLEST, _LARGEST = 16, 16384


def profile(
    model: Annotated[str, typer.Option(help="Shipped model or ONNX file.")] = "nano",
    imgsz: Annotated[
        list[str] | None,
        typer.Option(
            metavar="N|WxH ...",
            help="Image sizes: sides of squares, or width x height.",
            show_default=" ".join(_SIZES),
        ),
    ] = None,
    images: Annotated[
        str | None,
        typer.Option(metavar="FOLDER", help="Rainy images to measure on; else the demo."),
    ] = None,
    backend: Annotated[
        str, typer.Option(metavar="NAME", help="ONNX Runtime provider: cpu, cuda, tensorrt ...")
    ] = "cpu",
    warmup: Annotated[int, typer.Option(min=0, help="Frames before the timed ones.")] = 5,
    iterations: Annotated[int, typer.Option(min=1, help="Timed frames per size.")] = 50,
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads; all cores unless given.")
    ] = None,
    power: Annotated[
        bool, typer.Option("--power/--no-power", help="Read this machine's power rails.")
    ] = True,
    neuron_cost: Annotated[
        bool, typer.Option("--neuron-cost", help="Price emitted spikes too, 3.7 pJ each.")
    ] = False,
    board: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Look ahead to a board: orin-nano, agx-orin ..."),
    ] = None,
    table1: Annotated[
        bool, typer.Option("--table1", help="Show the convention of the paper's Table 1.")
    ] = False,
    per_layer: Annotated[
        bool, typer.Option("--per-layer", help="Show every convolution and neuron layer.")
    ] = False,
    json_to: Annotated[
        str | None,
        typer.Option("--json", metavar="FILE|-", help="Write the report as JSON; - is stdout."),
    ] = None,
    csv_to: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write the rows as CSV.")
    ] = None,
    html_to: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a page with plots.")
    ] = None,
    debug: Debug = False,
) -> None:
    """Measures latency, operations, spikes and energy at several image sizes."""
    with one_line_errors(debug):
        from spikerain_edge.commands.frames import ScaledFrames
        from spikerain_edge.inference.onnx_runtime import provider_named
        from spikerain_edge.profiling.examination import ProfileOptions
        from spikerain_edge.profiling.report import profile as measure
        from spikerain_edge.profiling.tables import WIDTH, report_tables

        places = [Path(json_to)] if json_to and json_to != "-" else []
        check_places([*places, *filter(None, (csv_to, html_to))])
        options = ProfileOptions(
            model=model,
            sizes=tuple(read_size(text) for text in imgsz or _SIZES),
            images=images or "demo",
            provider=provider_named(backend),
            threads=threads,
            warmup=warmup,
            iterations=iterations,
            power=power,
            neuron_cost=neuron_cost,
            board=board,
        )
        aside = Console(stderr=True)
        with aside.status("starting") as status:
            report = measure(options, ScaledFrames(images), status.update)
        shown = aside if json_to == "-" else Console()
        shown.width = min(WIDTH, shown.width) if shown.is_terminal else WIDTH
        shown.print(report_tables(report, table1=table1, per_layer=per_layer))
        for line in write_files(report, json_to, csv_to, html_to):
            aside.print(line, markup=False, highlight=False)


def read_size(text: str) -> tuple[int, int]:
    """Reads `256` or `640x480` (width x height, as `run --size`) as (height, width).

    Raises:
        InputError: it is neither, or too small or large.
    """
    found = re.fullmatch(r"(\d{1,5})(?:[xX](\d{1,5}))?", text)
    width, height = (int(side or found[1]) for side in found.groups()) if found else (0, 0)
    if not all(_SMALLEST <= side <= _LARGEST for side in (width, height)):
        raise InputError(
            f"{text!r} is no image size",
            f"write a side or width x height of {_SMALLEST} to {_LARGEST}: --imgsz 256 640x480",
        )
    return height, width


def check_places(paths: list[Path]) -> None:
    """Looks, before anything is measured, whether the files can be written.

    Raises:
        InputError: one of them cannot.
    """
    for path in paths:
        if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
            raise InputError(f"cannot write {path}", "name a file in a folder that can be written")


def write_files(
    report: dict[str, Any], json_to: str | None, csv_to: Path | None, html_to: Path | None
) -> list[str]:
    """Writes what was asked for and returns a line for each file.

    Raises:
        InputError: a file cannot be written.
    """
    from spikerain_edge.profiling.html import render
    from spikerain_edge.profiling.spreadsheet import rows_as_csv

    if json_to == "-":
        sys.stdout.write(_json(report))
    makers: list[tuple[Path | None, Callable[[dict[str, Any]], str]]] = [
        (Path(json_to) if json_to and json_to != "-" else None, _json),
        (csv_to, rows_as_csv),
        (html_to, render),
    ]
    written = []
    for path, make in makers:
        if path is not None:
            _write(path, make(report))
            written.append(f"wrote {path}")
    return written


def _json(report: dict[str, Any]) -> str:
    return json.dumps(report, indent=2, allow_nan=False) + "\n"


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from error
