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
        help="Reconnect to a camera that has sent no good frame for this time.",
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
        help="Which frame to drop when a camera is faster than the network: the oldest waiting "
        "one, the latest, or none, so that frames wait.",
    ),
]
Gating = Annotated[
    GateMode,
    typer.Option("--gate", help="auto: frames pass unchanged while it does not rain."),
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
