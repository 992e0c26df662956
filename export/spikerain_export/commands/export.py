"""`spikerain-edge export`: a model or checkpoint becomes what a board runs."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.status import Status
from typer.core import TyperCommand

from spikerain_edge.console import Debug, Logs, Verbose, command_scope, parse_shape, print_line
from spikerain_edge.errors import InputError
from spikerain_edge.files import require_distinct, write_whole
from spikerain_edge.logs import LogFormat
from spikerain_export.commands.flags import (
    USUAL_SIZE,
    Format,
    default_output,
    read_request,
    read_settings,
    require_one_size,
    sizes_for,
)

app = typer.Typer(add_completion=False)
_log = logging.getLogger(__name__)
_STDOUT = "-"


class ExportCommand(TyperCommand):
    """Refuses the spelling of `--imgsz` that took height and width as two words."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Names the spelling of today, and parses as usual."""
        with command_scope():
            require_one_size(args)
        return super().parse_args(ctx, args)


@app.command(cls=ExportCommand)
def export(
    model: Annotated[
        str,
        typer.Argument(help="Shipped model, checkpoint folder, ONNX file, or s, m, l (untrained)."),
    ],
    kind: Annotated[
        Format, typer.Option("--format", help="ONNX graph, or TensorRT engine.")
    ] = Format.ONNX,
    fp16: Annotated[bool, typer.Option("--fp16", "--half", help="Half precision.")] = False,
    int8: Annotated[bool, typer.Option("--int8", help="Spike-exact 8-bit integers.")] = False,
    imgsz: Annotated[
        str | None,
        typer.Option(
            metavar="N|WxH",
            help="Image size: width x height, or one number for a square. A graph takes any size "
            "unless given one.",
        ),
    ] = None,
    dynamic: Annotated[
        bool,
        typer.Option(
            "--dynamic", help="An engine for 64x64 to 1920x1080; --imgsz is the usual size then."
        ),
    ] = False,
    batch: Annotated[int, typer.Option(min=1, help="Images per call.")] = 1,
    opset: Annotated[
        int | None, typer.Option(min=17, max=21, help="ONNX operator set.", show_default="17")
    ] = None,
    workspace: Annotated[
        float | None,
        typer.Option(metavar="GiB", help="TensorRT's workspace; half of what is free."),
    ] = None,
    device: Annotated[int, typer.Option(min=0, help="GPU to build the engine on.")] = 0,
    capability: Annotated[
        str | None,
        typer.Option(metavar="X.Y", help="Build ahead of time for another GPU, such as 8.6."),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            help="Rainy images, every other one to prove the export on, the rest to choose INT8 "
            "scales by: image, folder, glob or pairs; else the demo."
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="File to write; named after the model unless given.")
    ] = None,
    name: Annotated[str, typer.Option(help="Name of the model; its own unless given.")] = "",
    verify: Annotated[
        bool, typer.Option("--verify/--no-verify", help="Prove it, refuse what misses its gate.")
    ] = True,
    json_to: Annotated[
        str | None,
        typer.Option("--json", metavar="FILE|-", help="Write the report as JSON; - is stdout."),
    ] = None,
    verbose: Verbose = False,
    log_format: Logs = LogFormat.TEXT,
    debug: Debug = False,
) -> None:
    """Turns a model into an ONNX graph or a TensorRT engine and proves what it has become."""
    with command_scope(debug=debug, verbose=verbose, log_format=log_format) as aside:
        try:
            from spikerain_export.artefact import require_place
            from spikerain_export.delivery import deliver
            from spikerain_export.origin import open_origin
            from spikerain_export.places import places
            from spikerain_export.tables import proof_table
        except ImportError as error:
            raise InputError(
                f"exporting needs the package {error.name}",
                "install it: pip install 'spikerain-edge[export]'",
            ) from error
        from spikerain_export.commands.scenes import gather

        engine = kind is Format.ENGINE
        size = None if imgsz is None else parse_shape(imgsz)
        request = read_request(fp16, int8, size, dynamic, batch, engine)
        settings = None
        if engine:
            settings = read_settings(size, dynamic, workspace, capability, device)
        elif workspace is not None or capability is not None:
            raise InputError("--workspace and --capability are for engines", "add --format engine")
        origin = open_origin(model, name=name, opset=opset)
        output = output or default_output(origin.graph.spec.name, request, kind)
        if json_to and json_to != _STDOUT:
            require_place(Path(json_to), "--json")
        _say(origin.note)
        if json_to and json_to != _STDOUT:
            require_distinct([json_to], origin.files)
            require_distinct([*map(str, places(output)), json_to], ())
        with aside.status("reading") as status:
            scaled = (request.precision, request.target) == ("int8", "onnxruntime")
            sizes = sizes_for(size or (USUAL_SIZE if engine else None))
            material = gather(data, sizes, scales=scaled)
            _say(material.note)
            made = deliver(
                origin,
                request,
                output,
                material.proof,
                calibration=material.scales,
                verify=verify,
                engine=settings,
                progress=_shown_on(status),
                tell=status.update,
            )
        if made.proofs:
            aside.width = max(aside.width, 140) if not aside.is_terminal else aside.width
            aside.print(proof_table(made.proofs, made.document["reference"]))
        _say(*made.notes)
        *others, last = map(str, made.files)
        _say(f"wrote {', '.join(others)} and {last}" if others else f"wrote {last}")
        if json_to:
            _report(json.dumps(made.document, indent=2, allow_nan=False), json_to)


def _say(*lines: str) -> None:
    for line in filter(None, lines):
        _log.info("%s", line)


def _shown_on(status: Status) -> Callable[[str, int, int], bool]:
    def show(phase: str, done: int, steps: int) -> bool:
        status.update(f"building the engine: {phase} {done}/{steps}")
        return True

    return show


def _report(text: str, place: str) -> None:
    if place == _STDOUT:
        print_line(text)
        return
    try:
        write_whole(Path(place), f"{text}\n".encode())
    except OSError as error:
        raise InputError(f"cannot write {place}: {error.strerror}") from error
