"""Options of `run` about cameras."""

from __future__ import annotations

from typing import Annotated

import typer

from spikerain_edge.stream.capture_options import RtspTransport
from spikerain_edge.stream.gate_mode import GateMode
from spikerain_edge.stream.handover import Drop

StallTimeout = Annotated[
    float,
    typer.Option(
        min=0.5,
        max=3600,
        metavar="SECONDS",
        help="Connect to a camera again when it has sent no good frame for so long.",
    ),
]
WaitForCamera = Annotated[
    bool, typer.Option("--wait-for-camera", help="Wait for a camera that is absent at the start.")
]
Transport = Annotated[
    RtspTransport, typer.Option("--rtsp-transport", help="How RTSP sends its packets.")
]
Dropping = Annotated[
    Drop,
    typer.Option(
        "--drop",
        help="What gives way when a camera is faster than the network: the oldest waiting frame, "
        "the latest, or none, so that frames wait and grow old.",
    ),
]
Gating = Annotated[
    GateMode,
    typer.Option("--gate", help="auto: frames pass untouched when it does not rain."),
]
CaptureSize = Annotated[
    str | None,
    typer.Option("--capture-size", metavar="WxH", help="Ask a camera of this machine for a size."),
]
CaptureRate = Annotated[
    float | None,
    typer.Option(
        "--capture-fps",
        min=0.1,
        max=1000,
        metavar="RATE",
        help="Ask a camera of this machine for a frame rate.",
    ),
]
