"""`spikerain-edge benchmark`: measures every format with every back end, side by side."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from spikerain_edge.commands.graph_arguments import Threads
from spikerain_edge.commands.report_arguments import CsvReport, HtmlReport, JsonReport, Power
from spikerain_edge.console import Debug, Logs, Verbose, command_scope, live_status, print_line
from spikerain_edge.errors import InputError
from spikerain_edge.files import write_whole
from spikerain_edge.logs import LogFormat
from spikerain_edge.sizes import parse_shape

if TYPE_CHECKING:
    from spikerain_export.benchmark.document import Row

app = typer.Typer(add_completion=False)
_log = logging.getLogger(__name__)
_STDOUT = "-"
_MODELS, _SIZES = ("nano",), ("256", "640x480")


@app.command()
def benchmark(
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME,...",
            help="Shipped models, FP32 ONNX files, or s, m, l (untrained).",
            show_default=",".join(_MODELS),
        ),
    ] = None,
    imgsz: Annotated[
        list[str] | None,
        typer.Option(
            metavar="N|WxH,...",
            help="Image sizes: width x height, or one number for a square.",
            show_default=",".join(_SIZES),
        ),
    ] = None,
    formats: Annotated[
        list[str] | None, typer.Option(metavar="NAME,...", help="fp32, fp16, int8. Default: all.")
    ] = None,
    backends: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME,...",
            help="cpu, openvino, engine (TensorRT), or providers of ONNX Runtime such as cuda. "
            "Default: the first three.",
        ),
    ] = None,
    rounds: Annotated[
        int, typer.Option(min=1, help="Rounds; each measures all formats in turn.")
    ] = 3,
    iterations: Annotated[int, typer.Option(min=1, help="Timed frames in a round.")] = 5,
    warmup: Annotated[int, typer.Option(min=0, help="Frames before the timed ones.")] = 2,
    threads: Threads = None,
    power: Power = True,
    json_to: JsonReport = None,
    csv_to: CsvReport = None,
    html_to: HtmlReport = None,
    verbose: Verbose = False,
    log_format: Logs = LogFormat.TEXT,
    debug: Debug = False,
) -> None:
    """Measures every format of a model with every back end, side by side."""
    with command_scope(debug=debug, verbose=verbose, log_format=log_format) as console:
        from spikerain_edge.commands.profile import check_destinations
        from spikerain_edge.cores import tell_surplus
        from spikerain_export.benchmark.measure import Settings, measure_size
        from spikerain_export.benchmark.plan import BACKENDS, FORMATS, Files, entries, named, split
        from spikerain_export.benchmark.tables import WIDTH, benchmark_table, reasons

        tell_surplus(threads)
        destinations = {"json": json_to, "csv": csv_to, "html": html_to}
        check_destinations([name for name in destinations.values() if name], [])
        models = list(named(split(model, _MODELS)))
        sizes = [parse_shape(text) for text in split(imgsz, _SIZES)]
        wanted = entries(split(formats, FORMATS), split(backends, BACKENDS))
        settings = Settings(rounds, iterations, warmup, threads, power)
        rows: list[Row] = []
        with TemporaryDirectory(prefix="spikerain-") as folder:
            files = Files(Path(folder))
            with live_status(console, "starting"):
                for name in models:
                    for size in sizes:
                        rows += measure_size(name, size, wanted, files, settings, _say)
        shown = console if _STDOUT in destinations.values() else Console()
        shown.width = shown.width if shown.is_terminal else WIDTH
        shown.print(benchmark_table(rows))
        for line in reasons(rows):
            shown.print(line, markup=False, highlight=False)
        _write(rows, destinations)
        if all(row.reason for row in rows):
            raise InputError(
                f"nothing could be measured: {rows[0].reason}",
                "name other models, sizes, formats or back ends",
            )


def _say(text: str) -> None:
    _log.debug("%s", text)


def _write(rows: list[Row], destinations: dict[str, str | None]) -> None:
    """Writes the requested reports to files, or to standard output for `-`."""
    from spikerain_edge.profiling.device import describe_device, read_health
    from spikerain_export.benchmark.document import as_json
    from spikerain_export.benchmark.page import render
    from spikerain_export.benchmark.tables import as_csv

    def page(rows: list[Row]) -> str:
        health = read_health()
        device = describe_device(health, health, threads=1, backend="")
        return render(rows, device.name or device.cpu or device.architecture)

    makers: dict[str, Callable[[list[Row]], str]] = {"json": as_json, "csv": as_csv, "html": page}
    for kind, destination in destinations.items():
        if destination == _STDOUT:
            print_line(makers[kind](rows).removesuffix("\n"))
        elif destination:
            write_whole(Path(destination), makers[kind](rows).encode())
            _log.info("wrote %s", destination)
