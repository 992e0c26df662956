"""Runs `spikerain-edge export --format nir` after its options have been read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console

from spikerain_edge.commands.extras import extra_required
from spikerain_edge.errors import InputError
from spikerain_edge.sizes import Size
from spikerain_export.commands.flags import Format, default_output
from spikerain_export.commands.report import require_report_place, say, write_report
from spikerain_export.commands.scenes import collect_images
from spikerain_export.conversion import Request, require_convertible
from spikerain_export.origin import open_origin
from spikerain_export.spiking.primitives import require_primitives
from spikerain_export.truth import Scene

# Scenes have at least this size; patches are cut out of their middles.
_SIDE = 192


@dataclass(frozen=True)
class NirOrder:
    """What to export as a NIR file and where to write it.

    Attributes:
        model: shipped model, checkpoint folder or ONNX file.
        name: name to give the model; empty keeps its own.
        size: (height, width) from `--imgsz`.
        grid_bits: from `--grid`; None without a grid.
        data: rainy images; None for the demo.
        output: file to write; None to name it after the model.
        verify: whether to verify the export.
        json_to: file for the JSON report, or `-` for standard output; None for no report.
    """

    model: str
    name: str
    size: Size
    grid_bits: int | None
    data: str | None
    output: Path | None
    verify: bool
    json_to: str | None


def require_nir_options(size: Size | None, others: Mapping[str, bool]) -> Size:
    """Checks the options of an export to NIR.

    Args:
        size: from `--imgsz`.
        others: options that do not apply, and whether each was given.

    Returns:
        The size.

    Raises:
        InputError: `--imgsz` is missing, or an option that NIR files do not have was given.
    """
    given = [option for option, used in others.items() if used]
    if given:
        raise InputError(
            f"{given[0]} does not apply to NIR files", f"leave out {' and '.join(given)}"
        )
    if size is None:
        raise InputError(
            "a NIR file is made for one image size", "give the size, for example: --imgsz 32"
        )
    return size


def run_nir_export(order: NirOrder, aside: Console) -> None:
    """Exports a model as a NIR file, and prints what was verified.

    Args:
        order: what to export.
        aside: console for progress.

    Raises:
        SpikeRainError: the export failed (see `deliver_nir`), or the report cannot be written.
    """
    with extra_required("exporting to NIR", "export,nir"):
        from spikerain_export.spiking.delivery import deliver_nir

    origin = open_origin(order.model, name=order.name)
    spec = origin.graph.spec
    require_convertible(origin, Request(size=order.size))
    require_primitives(origin.graph)
    grid = "" if order.grid_bits is None else f"-grid{order.grid_bits}"
    named = default_output(f"{spec.name}{grid}", Request(size=order.size), Format.NIR)
    output = order.output or named
    require_report_place(order.json_to, [output], origin)
    say(origin.note)
    with aside.status("comparing spikes"):
        made = deliver_nir(
            origin,
            order.size,
            output,
            partial(_scenes, order.data, order.size),
            grid_bits=order.grid_bits,
            verify=order.verify,
        )
    if made.equality is not None:
        found = made.equality
        say(
            f"{found.different} of {found.spikes} spikes differ from {spec.name}, on "
            f"{found.images} rainy patches of {order.size[1]}x{order.size[0]}"
        )
        if found.different:
            say(
                "rounding causes this: each potential is within 1e-4 of the threshold; add --grid 8"
            )
    if made.loss is not None:
        say(
            f"the grid costs {made.loss.mean:+.3f} dB of PSNR on luma (95 %: {made.loss.low:+.3f} "
            f"to {made.loss.high:+.3f})"
        )
    say(f"wrote {made.file}: {made.neurons} neurons, {made.timesteps} timesteps")
    if order.json_to:
        write_report(json.dumps(made.document, indent=2, allow_nan=False), order.json_to)


def _scenes(data: str | None, size: Size) -> list[Scene]:
    """Returns rainy scenes that are not smaller than the patches that are cut out of them."""
    whole = (max(size[0], _SIDE), max(size[1], _SIDE))
    return collect_images(data, [whole], scales=False).proof[0]
