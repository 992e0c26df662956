"""Runs `spikerain-edge export` after its options have been read."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.status import Status

from spikerain_edge.sizes import Size
from spikerain_export.commands.flags import USUAL_SIZE, Format, default_output, sizes_for
from spikerain_export.commands.report import require_report_place, say, write_report
from spikerain_export.commands.scenes import collect_images
from spikerain_export.conversion import Request, reads_scenes
from spikerain_export.delivery import Delivery, deliver
from spikerain_export.origin import Origin, open_origin
from spikerain_export.output_files import output_files
from spikerain_export.progress import Progress
from spikerain_export.tables import proof_table
from spikerain_export.tensorrt import BuildSettings

# Outside a terminal, the table is this wide, so that its columns do not wrap.
_TABLE_WIDTH = 150
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Order:
    """What to export and where to write it.

    Attributes:
        model: shipped model, checkpoint folder, ONNX file, or the name of a variant.
        name: name to give the model; empty keeps its own.
        opset: ONNX operator set; None for the default.
        request: precision, target and shape.
        size: (height, width) from `--imgsz`, verified in addition to the default size; or None.
        settings: settings of the engine build; None to write a graph only.
        plan: whether to write the bare plan of the engine too.
        data: rainy images; None for the demo.
        output: file to write; None to name it after the model.
        verify: whether to verify the export.
        json_to: file for the JSON report, or `-` for standard output; None for no report.
    """

    model: str
    name: str
    opset: int | None
    request: Request
    size: Size | None
    settings: BuildSettings | None
    plan: bool
    data: str | None
    output: Path | None
    verify: bool
    json_to: str | None


def run_export(order: Order, aside: Console) -> None:
    """Exports a model, prints the verification table and writes the report.

    Args:
        order: what to export.
        aside: console for tables and progress.

    Raises:
        SpikeRainError: the export failed (see `deliver`), or the report cannot be written.
    """
    origin = open_origin(order.model, name=order.name, opset=order.opset)
    kind = Format.ONNX if order.settings is None else Format.ENGINE
    output = order.output or default_output(origin.graph.spec.name, order.request, kind)
    require_report_place(order.json_to, output_files(output, order.plan), origin)
    say(origin.note)
    with aside.status("drawing rainy scenes") as status:
        # A log file shows no status line.
        terminal = aside.is_terminal and not aside.quiet
        shown = _shown_on(status) if terminal else _log_of_phases(logging.INFO)
        made = _deliver(order, origin, output, shown)
    if made.proofs:
        aside.width = aside.width if aside.is_terminal else max(aside.width, _TABLE_WIDTH)
        aside.print(proof_table(made.proofs))
    *others, last = map(str, made.files)
    say(f"wrote {', '.join(others)} and {last}" if others else f"wrote {last}")
    if order.json_to:
        write_report(json.dumps(made.document, indent=2, allow_nan=False), order.json_to)


def _deliver(order: Order, origin: Origin, output: Path, progress: Progress) -> Delivery:
    request = order.request
    usual = None if order.settings is None else USUAL_SIZE
    sizes, video = sizes_for(order.size or usual), origin.graph.spec.reads_video
    scales = reads_scenes(origin, request)
    material = collect_images(order.data, sizes, scales=scales, video=video)
    say(material.note)
    return deliver(
        origin,
        request,
        output,
        material.proof,
        calibration=material.scales,
        verify=order.verify,
        engine=order.settings,
        plan=order.plan,
        progress=progress,
    )


def _shown_on(status: Status) -> Progress:
    log = _log_of_phases(logging.DEBUG)

    def show(phase: str, done: int, steps: int) -> bool:
        status.update(f"{phase} {done}/{steps}" if steps > 1 else phase)
        return log(phase, done, steps)

    return show


def _log_of_phases(level: int) -> Progress:
    """Logs each phase once, when it begins."""
    seen: set[str] = set()

    def show(phase: str, done: int, steps: int) -> bool:
        if phase not in seen:
            _log.log(level, "%s", phase)
        seen.add(phase)
        return True

    return show
