"""The `spikerain-edge` command: parses, calls, prints."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from spikerain_edge.commands.profile import profile
from spikerain_edge.commands.variadic import VariadicCommand
from spikerain_edge.console import Debug, one_line_errors
from spikerain_edge.errors import InputError

app = typer.Typer(
    help="Removes rain from camera streams with the SpikeRain spiking neural network.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    epilog="Exit codes: 0 done, 2 bad input or usage, 3 source or sink failed for good, 4 model or "
    "engine unusable, 130 stopped by Ctrl-C (files are complete).",
)


@app.callback()
def root() -> None:
    """Removes rain from camera streams with the SpikeRain spiking neural network."""


@app.command()
def run(
    camera: Annotated[
        str,
        typer.Option(
            metavar="SRC",
            help="demo, a camera number, /dev/videoN, a video, an image, a folder or glob of "
            "images, or a URL.",
        ),
    ],
    output: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DST",
            help="Video file, folder/, img_%04d.png or image; repeatable. Without it nothing is "
            "written, only measured.",
        ),
    ] = None,
    model: Annotated[str, typer.Option(help="Shipped model or ONNX file.")] = "nano",
    size: Annotated[
        str | None, typer.Option(metavar="WxH", help="Scale frames to this size first.")
    ] = None,
    max_frames: Annotated[int | None, typer.Option(min=1, help="Stop after N frames.")] = None,
    side_by_side: Annotated[
        bool, typer.Option("--side-by-side", help="Write rainy | derained.")
    ] = False,
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads; all cores unless given.")
    ] = None,
    json_to: Annotated[
        str | None,
        typer.Option("--json", metavar="FILE|-", help="Write the summary as JSON; - is stdout."),
    ] = None,
    live: Annotated[
        bool, typer.Option("--profile", help="Show times, spikes and energy while it runs.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Derains a camera, a video or images."""
    with one_line_errors(debug):
        from spikerain_edge.commands.live import REFRESHES_PER_SECOND, LiveView
        from spikerain_edge.session import (
            RunOptions,
            Session,
            check_summary_place,
            write_summary,
        )

        options = RunOptions(
            camera, tuple(output or ()), model, parse_size(size), max_frames, side_by_side, threads
        )
        if json_to not in (None, "-"):
            check_summary_place(Path(json_to))
        console = Console(stderr=True)
        bar = _progress(console)
        task = bar.add_task("deraining", total=None)
        session = Session(options, lambda frame: bar.advance(task))
        bar.update(task, total=session.expected)
        view = LiveView(session.traffic, lambda: session.cost)
        rate = REFRESHES_PER_SECOND
        table = Live(view, console=console, refresh_per_second=rate, transient=True)
        with table if live else bar, _stop_on_signals(session.stop) as received:
            session.run()
        if live:
            console.print(view)
        summary = session.summary()
        console.print(_summary_table(summary, options.outputs))
        if json_to == "-":
            typer.echo(json.dumps(summary))
        elif json_to:
            write_summary(summary, Path(json_to))
        if received:
            raise typer.Exit(128 + received[0])


@app.command()
def export(
    checkpoint: Annotated[Path, typer.Argument(help="Folder written by spikerain-train.")],
    output: Annotated[Path, typer.Option(help="ONNX file to write.")] = Path("model.onnx"),
    name: Annotated[str, typer.Option(help="Name of the model; its variant unless given.")] = "",
    data: Annotated[
        str | None,
        typer.Option(help="Rainy images to compare on: image, folder or glob; else the demo."),
    ] = None,
    debug: Debug = False,
) -> None:
    """Unrolls a checkpoint into an ONNX graph and proves that it agrees with PyTorch."""
    with one_line_errors(debug):
        from spikerain_edge.stream.sources import open_source

        try:
            from spikerain_export import export_checkpoint
        except ImportError as error:
            raise InputError(
                f"exporting needs the package {error.name}",
                "install it: pip install 'spikerain-edge[train,export]'",
            ) from error
        images = [frame.image for frame in islice(open_source(data or "demo"), 8)]
        made = export_checkpoint(checkpoint, output, images=images, name=name)
        console = Console(stderr=True)
        if made.parity is not None:
            console.print(
                f"PyTorch and ONNX agree to {made.parity.psnr:.1f} dB over {made.parity.images} "
                f"images (worst {made.parity.worst:.1f} dB, largest difference "
                f"{made.parity.largest} of 255)",
                highlight=False,
            )
        console.print(f"wrote {made.graph} and {made.probe}", markup=False, highlight=False)


app.command(cls=VariadicCommand)(profile)


def main() -> None:
    """Entry point of the console script."""
    app()


def parse_size(text: str | None) -> tuple[int, int] | None:
    """Reads `640x480` as (width, height).

    Raises:
        InputError: it is not two numbers joined by an x, or too small or large.
    """
    if text is None:
        return None
    found = re.fullmatch(r"(\d{1,5})[xX](\d{1,5})", text)
    if found is None or not all(16 <= int(side) <= 16384 for side in found.groups()):
        raise InputError(f"{text!r} is no size", "write width x height, such as --size 640x480")
    return int(found[1]), int(found[2])


@contextmanager
def _stop_on_signals(stop: Any) -> Iterator[list[int]]:
    """The first Ctrl-C (or SIGTERM) asks for an end in order; a second one kills."""
    received: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        received.append(number)
        signal.signal(number, signal.SIG_DFL)
        stop()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def _summary_table(summary: dict[str, Any], outputs: Sequence[str]) -> Table:
    table = Table(title=escape(f"spikerain-edge · {summary['model']} · {summary['backend']}"))
    table.add_column("", style="bold")
    table.add_column("", justify="right")
    table.add_row("frames", f"{summary['frames']}, {summary['dropped']} dropped")
    if summary["missing"]:
        announced = "announced by the file, could not be decoded"
        table.add_row("frames missing", f"{summary['missing']} {announced}", style="red")
    table.add_row("frames per second", f"{summary['fps']:.2f}")
    for title, key in (("inference", "latency_ms"), ("capture to written", "end_to_end_ms")):
        if summary[key]:
            values = " / ".join(f"{value:.1f}" for value in summary[key].values())
            table.add_row(f"{title}, ms, p50 / p90 / p95 / p99", values)
    table.add_row("dense GMACs per frame", f"{summary['gmacs_per_frame']:.2f}")
    if summary["gsops_per_frame"] is None:
        table.add_row("spikes and energy", "not known: the model has no probe graph")
    else:
        rate = f"{summary['gsops_per_frame']:.3f} at a firing rate of {summary['firing_rate']:.3f}"
        table.add_row("GSOPs per frame", rate)
        table.add_row("estimated energy per frame", f"{summary['energy_mj_per_frame']:.2f} mJ")
    for output in outputs:
        table.add_row("written", escape(output))
    return table
