"""A live page on this machine, with a run that does what a test wants."""

from __future__ import annotations

import http.client
import socket
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from spikerain_edge.camera_now import CameraNow
from spikerain_edge.images import Image
from spikerain_edge.profiling.live import FrameCost, WholeCost
from spikerain_edge.serving.server import LivePage

WHOLE = WholeCost("fp32", 2, 7.0, 9.1, 1.3, 0.4)
MEASURED = {
    "rail": "VDD_IN",
    "joules": 220.0,
    "watts": 5.0,
    "joules_per_frame": 5.5,
    "reason": "",
}


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class FakeRun:
    """A run of 40 frames, some of which got lost."""

    def __init__(self) -> None:
        self.stuck = 0.0
        self.away = False
        self.more: dict[str, Any] = {}

    @property
    def now(self) -> list[CameraNow]:
        return [
            CameraNow(
                away=self.away,
                ended=False,
                inference=deque([0.030, 0.050, 0.040]),
                ages=deque([0.2]),
                cost=FrameCost(3.0, 0.25, 0.8, 1.5, WHOLE),
                firing_rates={"encoder1.neuron": 0.25, "down1.neuron": 0.5},
            )
        ]

    def summary(self) -> dict[str, Any]:
        facts = {"model": "nano", "variant": "nano", "precision": "fp32", "backend": "a backend"}
        facts |= {"measured_energy": MEASURED}
        return {**facts, **self.camera(), "cameras": [{"camera": "gate", **self.camera()}]}

    def camera(self) -> dict[str, Any]:
        return {
            "error": None,
            "frames": 40,
            "dropped": 3,
            "missing": 2,
            "corrupt": 1,
            "outages": [{"start": "2026-11-26T16:20:31.204+00:00", "seconds": 7.5}],
            "outputs": [{"output": "gate.mp4", "written": 38, "dropped": 2, "failed": 0}],
            "latency_ms": {"p50": 40.0, "p90": 50.0, "p95": 50.0, "p99": 50.0},
            "end_to_end_ms": {"p50": 200.0, "p90": 200.0, "p95": 200.0, "p99": 200.0},
            "age_ms": {"p50": 200.0, "p99": 200.0},
            "energy_mj_per_frame": 1.5,
            "whole_energy": WHOLE.document(),
            **self.more,
        }


@dataclass
class Answer:
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass
class Served:
    """A live page that is being served."""

    page: LivePage
    run: FakeRun
    clock: Clock
    _kept: list[socket.socket] = field(default_factory=list)

    @property
    def port(self) -> int:
        return self.page.address.port

    def begin(self) -> None:
        self.page.watch(self.run)

    def show(self, shade: int = 90, size: tuple[int, int] = (48, 64)) -> None:
        """Shows a frame: bright grey before, of this shade after."""
        self.page.feeds[0].show(grey(200, size), grey(shade, size))

    def get(self, path: str, method: str = "GET", body: bytes = b"", **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body or None, named)
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.headers), answer.read())
        finally:
            connection.close()

    def connect(self, receive_buffer: int | None = None) -> socket.socket:
        """A connection without a request."""
        connection = socket.socket()
        if receive_buffer is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.settimeout(60)
        connection.connect(("127.0.0.1", self.port))
        return connection

    def watch(self, path: str = "/stream.mjpg", receive_buffer: int | None = None) -> socket.socket:
        """A viewer of the stream, which has not read anything yet."""
        connection = self.connect(receive_buffer)
        request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"
        connection.sendall(request.encode())
        return connection

    @staticmethod
    def wait_until(true: Callable[[], bool], seconds: float = 60.0) -> None:
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, "it has not come true in time"
            time.sleep(0.02)


def grey(shade: int, size: tuple[int, int] = (48, 64)) -> Image:
    return np.full((*size, 3), shade, np.uint8)


def is_closed(connection: socket.socket) -> bool:
    """Whether the other side closes the connection; reads what it has sent before."""
    try:
        while connection.recv(1 << 16):
            pass
    except ConnectionError:
        pass
    return True


def read_until(connection: socket.socket, wanted: bytes) -> bytes:
    """Reads up to these bytes, and what came with them."""
    received = b""
    while wanted not in received:
        part = connection.recv(1 << 16)
        assert part, received[-200:]
        received += part
    return received
