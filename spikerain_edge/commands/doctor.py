"""`spikerain-edge doctor`: shows what works on this machine and how to fix what does not."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from spikerain_edge.commands.camera_arguments import StallTimeout, Transport
from spikerain_edge.console import Debug, Logs, Verbose, command_scope, live_status, print_line
from spikerain_edge.errors import SpikeRainError
from spikerain_edge.logs import LogFormat
from spikerain_edge.stream.capture_options import CaptureOptions, RtspTransport

if TYPE_CHECKING:
    from spikerain_edge.diagnosis.camera import CameraTrial
    from spikerain_edge.diagnosis.finding import Finding

app = typer.Typer(add_completion=False)


@app.command()
def doctor(
    camera: Annotated[
        str | None,
        typer.Option(metavar="SRC", help="Also open this camera and read it for five seconds."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
    stall_timeout: StallTimeout = 10.0,
    rtsp_transport: Transport = RtspTransport.TCP,
    verbose: Verbose = False,
    log_format: Logs = LogFormat.TEXT,
    debug: Debug = False,
) -> None:
    """Shows what works on this machine, and the command that fixes what does not.

    Exits with 0 if `spikerain-edge run` would work.
    """
    with command_scope(debug=debug, verbose=verbose, log_format=log_format) as console:
        from spikerain_edge.diagnosis.camera import try_camera
        from spikerain_edge.diagnosis.report import diagnose, require_working

        with live_status(console, "looking at this machine"):
            findings = list(diagnose())
        if not as_json:
            _show(findings)
        trial = None
        if camera is not None:
            options = CaptureOptions(stall_timeout, rtsp_transport=rtsp_transport)
            try:
                with live_status(console, "reading the camera"):
                    trial = try_camera(camera, options)
            except SpikeRainError:
                if as_json:
                    print_line(json.dumps(_document(findings, None), indent=2))
                raise
        if as_json:
            print_line(json.dumps(_document(findings, trial), indent=2))
        elif trial is not None:
            _show_trial(trial)
        require_working(findings)


def _document(findings: list[Finding], trial: CameraTrial | None) -> dict[str, object]:
    return {
        "schema": 1,
        "works": all(finding.status != "broken" for finding in findings),
        "findings": [asdict(finding) for finding in findings],
        "camera": None if trial is None else asdict(trial),
    }


def _show(findings: list[Finding]) -> None:
    """Prints the findings by section, with the command below what is to be fixed."""
    marks = {"ok": "[green]✓[/]", "absent": "[yellow]○[/]", "broken": "[red]✗[/]"}
    table = Table(box=None, show_header=False, pad_edge=False)
    for _ in range(3):
        table.add_column(overflow="fold")
    section = ""
    for finding in findings:
        if finding.section != section:
            section = finding.section
            table.add_row("", f"[bold]{section}[/]", "")
        fix = f"\n[dim]{escape(finding.fix)}[/]" if finding.fix else ""
        detail = f"{escape(finding.detail)}{fix}"
        table.add_row(marks[finding.status.value], escape(finding.name), detail)
    Console().print(table)


def _show_trial(trial: CameraTrial) -> None:
    kind = "camera" if trial.live else "file"
    print_line(f"{trial.camera}: {kind}, {trial.width}x{trial.height}")
    print_line(
        f"{trial.frames} frames, {trial.fps:.1f} per second (nominal {trial.nominal_fps:g}), "
        f"{trial.corrupt} corrupt, {trial.outages} outages"
    )
    if trial.age_ms:
        print_line(f"age p50 {trial.age_ms['p50']:.0f} ms, p99 {trial.age_ms['p99']:.0f} ms")
