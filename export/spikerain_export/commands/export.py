"""`spikerain-edge export`: converts a model or checkpoint into a file that a board runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from spikerain_edge.commands.extras import extra_required
from spikerain_edge.commands.report_arguments import JsonReport
from spikerain_edge.console import Debug, Logs, Verbose, command_scope
from spikerain_edge.errors import InputError
from spikerain_edge.logs import LogFormat
from spikerain_edge.sizes import parse_shape
from spikerain_export.commands.flags import (
    Format,
    Runtime,
    read_request,
    read_settings,
    require_one_size,
)

app = typer.Typer(add_completion=False)


class ExportCommand(TyperCommand):
    """The export command; it rejects the old form `--imgsz HEIGHT WIDTH`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Checks that `--imgsz` has one value, then parses the arguments as usual."""
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
        Format, typer.Option("--format", help="ONNX graph, TensorRT engine, or NIR file.")
    ] = Format.ONNX,
    fp16: Annotated[bool, typer.Option("--fp16", "--half", help="Half precision.")] = False,
    int8: Annotated[bool, typer.Option("--int8", help="Spike-exact 8-bit integers.")] = False,
    target: Annotated[
        Runtime | None,
        typer.Option(
            help="Runtime that an INT8 graph is made for.", show_default=Runtime.ONNXRUNTIME.value
        ),
    ] = None,
    imgsz: Annotated[
        str | None,
        typer.Option(
            metavar="N|WxH",
            help="Image size: width x height, or one number for a square. Without it, a graph "
            "accepts any size.",
        ),
    ] = None,
    dynamic: Annotated[
        bool,
        typer.Option(
            "--dynamic",
            help="Build an engine for 64x64 to 1920x1080, fastest at --imgsz.",
        ),
    ] = False,
    batch: Annotated[int, typer.Option(min=1, help="Images per call.")] = 1,
    opset: Annotated[
        int | None, typer.Option(min=17, max=21, help="ONNX operator set.", show_default="17")
    ] = None,
    workspace: Annotated[
        float | None,
        typer.Option(
            metavar="GiB", help="Workspace of TensorRT. Default: half of the free GPU memory."
        ),
    ] = None,
    device: Annotated[int, typer.Option(min=0, help="GPU to build the engine on.")] = 0,
    capability: Annotated[
        str | None,
        typer.Option(metavar="X.Y", help="Build ahead of time for another GPU, such as 8.6."),
    ] = None,
    plan: Annotated[
        bool,
        typer.Option(
            "--plan",
            help="Write the bare plan of the engine too, for trtexec, DeepStream and Triton.",
        ),
    ] = False,
    grid: Annotated[
        int | None,
        typer.Option(
            metavar="BITS",
            min=1,
            max=16,
            help="Round the weights of a NIR file to multiples of 2^-BITS, so that the sums of all "
            "simulators are exact.",
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            help="Rainy images: an image, a folder, a glob or a folder of pairs. They verify the "
            "export; with --int8, every other one chooses the rounding instead. Default: the demo."
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="File to write. Default: named after the model.")
    ] = None,
    name: Annotated[str, typer.Option(help="Name to give the model. Default: keep its own.")] = "",
    verify: Annotated[
        bool,
        typer.Option(
            "--verify/--no-verify", help="Verify the result and write it only if it passes."
        ),
    ] = True,
    json_to: JsonReport = None,
    verbose: Verbose = False,
    log_format: Logs = LogFormat.TEXT,
    debug: Debug = False,
) -> None:
    """Exports a model as an ONNX graph, TensorRT engine or NIR file, and verifies it."""
    with command_scope(debug=debug, verbose=verbose, log_format=log_format) as aside:
        with extra_required("exporting", "export"):
            from spikerain_export.commands.nir import (
                NirOrder,
                require_nir_options,
                run_nir_export,
            )
            from spikerain_export.commands.work import Order, run_export

        size = None if imgsz is None else parse_shape(imgsz)
        if kind is Format.NIR:
            others = {
                "--fp16": fp16,
                "--int8": int8,
                "--target": target is not None,
                "--dynamic": dynamic,
                "--batch": batch != 1,
                "--opset": opset is not None,
                "--workspace": workspace is not None,
                "--capability": capability is not None,
                "--plan": plan,
                "--device": device != 0,
            }
            side = require_nir_options(size, others)
            run_nir_export(NirOrder(model, name, side, grid, data, output, verify, json_to), aside)
            return
        if grid is not None:
            raise InputError("--grid only applies to NIR files", "add --format nir")
        engine = kind is Format.ENGINE
        order = Order(
            model=model,
            name=name,
            opset=opset,
            request=read_request(fp16, int8, size, dynamic, batch, engine, target),
            size=size,
            settings=read_settings(engine, size, dynamic, workspace, capability, device, plan),
            plan=plan,
            data=data,
            output=output,
            verify=verify,
            json_to=json_to,
        )
        run_export(order, aside)
