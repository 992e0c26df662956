"""`spikerain-edge export`: a trained checkpoint becomes a model file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from spikerain_edge.console import Debug, one_line_errors
from spikerain_edge.errors import InputError

# Spread over the demo's six seconds, since neighbouring frames are nearly equal.
_DEMO_MOMENTS = tuple(range(0, 150, 20))


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
        from spikerain_edge.commands.frames import demo_pictures, read_pictures

        try:
            from spikerain_export import export_checkpoint
        except ImportError as error:
            raise InputError(
                f"exporting needs the package {error.name}",
                "install it: pip install 'spikerain-edge[train,export]'",
            ) from error
        images = read_pictures(data, "--data") if data else demo_pictures(_DEMO_MOMENTS)
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
