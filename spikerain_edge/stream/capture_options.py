"""How cameras are opened and watched."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class RtspTransport(str, Enum):
    """How RTSP sends its packets."""

    TCP = "tcp"
    UDP = "udp"


@dataclass(frozen=True)
class CaptureOptions:
    """How live sources are opened and watched.

    Attributes:
        stall_timeout: seconds without a good frame after which a camera is connected to again.
        wait_for_camera: whether a camera that is absent at the start is waited for.
        rtsp_transport: how RTSP sends its packets.
        size: width and height that a camera of this machine is asked for.
        rate: frames per second that a camera of this machine is asked for.
    """

    stall_timeout: float = 10.0
    wait_for_camera: bool = False
    rtsp_transport: RtspTransport = RtspTransport.TCP
    size: tuple[int, int] | None = None
    rate: float | None = None
