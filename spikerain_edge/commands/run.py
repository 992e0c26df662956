"""`spikerain-edge run`: removes rain from a stream and reports times, lost frames and cost."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.live import Live

from spikerain_edge.commands.camera_arguments import (
    CaptureRate,
    CaptureSize,
    Dropping,
    Gating,
    StallTimeout,
    Transport,
    WaitForCamera,
)
from spikerain_edge.commands.graph_arguments import (
    Backend,
    FrameSize,
    ModelName,
    Threads,
    Tiling,
)
from spikerain_edge.commands.service import Service
from spikerain_edge.commands.serving import Mqtt, Serve, ServeNames, Watchers, Watching, watched
from spikerain_edge.commands.signals import Signals
from spikerain_edge.commands.summary_table import summary_table
from spikerain_edge.console import Debug, Logs, Verbose, command_scope, counting_bar, print_line
from spikerain_edge.errors import SpikeRainError
from spikerain_edge.logs import LogFormat
from spikerain_edge.sizes import parse_size, parse_tile
from spikerain_edge.stream.capture_options import CaptureOptions, RtspTransport
from spikerain_edge.stream.gate_mode import GateMode
from spikerain_edge.stream.handover import Drop

if TYPE_CHECKING:
    from spikerain_edge.run_options import RunOptions

app = typer.Typer(add_completion=False)
_log = logging.getLogger(__name__)


@app.command()
def run(
    camera: Annotated[
        list[str],
        typer.Option(
            metavar="SRC",
            help="demo, a camera number, /dev/videoN, csi://N, a video, an image, a folder or glob "
            "of images, a URL (rtsp, http, udp ...), or gst://PIPELINE. {NAME} in a URL is a "
            "secret from the environment or a file. Repeatable.",
        ),
    ],
    output: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DST",
            help="Video file, folder/, img_%04d.png or image; names may have time stamps such as "
            "%Y%m%d-%H%M%S, and {camera} for the number of the camera, from 0. Also - for standard "
            "output, null, /dev/videoN, rtsp://HOST/PATH or gst://PIPELINE. Repeatable. Without "
            "it, the run only measures.",
        ),
    ] = None,
    output_format: Annotated[
        str, typer.Option(metavar="mpegts|mjpeg|raw", help="Format that --output - writes.")
    ] = "mpegts",
    model: ModelName = None,
    size: FrameSize = None,
    max_frames: Annotated[int | None, typer.Option(min=1, help="Stop after N frames.")] = None,
    side_by_side: Annotated[
        bool, typer.Option("--side-by-side", help="Write the rainy image next to the derained one.")
    ] = False,
    backend: Backend = "auto",
    threads: Threads = None,
    json_to: Annotated[
        str | None,
        typer.Option("--json", metavar="FILE|-", help="Write the summary as JSON; - is stdout."),
    ] = None,
    segment: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Start a new video file after this time: 10m, 1h ..."),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TIME|SIZE",
            help="Keep videos of this output up to an age or total size: 24h, 20GiB; repeatable.",
        ),
    ] = None,
    min_free: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="Keep this much disk space free, such as 2GiB."),
    ] = None,
    live: Annotated[
        bool, typer.Option("--profile", help="Show times, spikes and energy during the run.")
    ] = False,
    stall_timeout: StallTimeout = 10.0,
    wait_for_camera: WaitForCamera = False,
    rtsp_transport: Transport = RtspTransport.TCP,
    capture_size: CaptureSize = None,
    capture_fps: CaptureRate = None,
    drop: Dropping = Drop.OLDEST,
    tile: Tiling = None,
    serve: Serve = None,
    serve_name: ServeNames = None,
    mqtt: Mqtt = None,
    gate: Gating = GateMode.OFF,
    verbose: Verbose = False,
    log_format: Logs = LogFormat.TEXT,
    debug: Debug = False,
) -> None:
    """Removes rain from a camera stream, a video or images."""
    with command_scope(debug=debug, verbose=verbose, log_format=log_format) as console:
        from spikerain_edge.commands.limits import parse_limits
        from spikerain_edge.cores import limit_opencv, tell_surplus
        from spikerain_edge.run_options import RunOptions, usual_model

        tell_surplus(threads)
        limit_opencv(threads)
        options = RunOptions(
            cameras=tuple(camera),
            outputs=tuple(output or ()),
            model=usual_model(camera) if model is None else model,
            size=parse_size(size) if size is not None else None,
            max_frames=max_frames,
            side_by_side=side_by_side,
            backend=backend,
            threads=threads,
            json=json_to,
            output_format=output_format,
            limits=parse_limits(segment, keep or (), min_free),
            capture=CaptureOptions(
                stall_timeout,
                wait_for_camera,
                rtsp_transport,
                parse_size(capture_size) if capture_size is not None else None,
                capture_fps,
            ),
            drop=drop,
            tile=parse_tile(tile) if tile is not None else None,
            gate=gate,
        )
        with watched(options, Watching(serve, serve_name or (), mqtt)) as watchers:
            _run(options, console, watchers, live=live)


def _run(options: RunOptions, console: Console, watchers: Watchers, *, live: bool) -> None:
    """Runs the stream and shows the summary, even after an error."""
    from spikerain_edge.commands.live import REFRESHES_PER_SECOND, LiveView
    from spikerain_edge.session import Session

    bar = counting_bar(console)
    task = bar.add_task("deraining", total=None)
    signals, service = Signals(), Service()
    with signals.handled(), service.reported():
        if options.capture.wait_for_camera:
            service.ready()
        session = Session(options, lambda frame: bar.advance(task), watchers.show)
        watchers.watch(session)
        service.watch(lambda: session.status, lambda: session.stuck)
        service.ready()
        bar.update(task, total=session.expected)
        view = LiveView(lambda: session.traffics, lambda: session.cost)
        rate = REFRESHES_PER_SECOND
        table = Live(view, console=console, refresh_per_second=rate, transient=True)
        failure: SpikeRainError | None = None
        with table if live else bar:
            signals.begun(session.stop, session.cut)
            try:
                session.run()
            except SpikeRainError as error:
                failure = error
    try:
        summary = session.summary(failure)
        if live and summary["frames"]:
            console.print(view.finished())
        _show(summary, options, console)
    finally:
        # The error of the stream came first, so it is raised rather than one of the summary.
        if failure is not None:
            raise failure
    if signals.received is not None:
        raise typer.Exit(128 + signals.received)


def _show(summary: dict[str, Any], options: RunOptions, console: Console) -> None:
    """Shows the summary unless a run failed before its first frame, and writes it as JSON."""
    from spikerain_edge.run_summary import write_summary

    failed = summary["error"] is not None
    if console.quiet:
        _log.info("frames written: %d", summary["frames"], extra={"summary": summary})
    elif summary["frames"] or not failed:
        console.print(summary_table(summary))
    if options.json == "-":
        print_line(json.dumps(summary))
    elif options.json:
        write_summary(summary, Path(options.json))
