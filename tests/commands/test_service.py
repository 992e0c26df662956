"""What the program tells systemd, over a real socket."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from terminal import default_signals

from spikerain_edge.commands.service import Service

PROGRAM = Path(sys.executable).with_name("spikerain-edge")


class Manager:
    """The end of the socket that systemd holds."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._socket.settimeout(60)

    def environment(self, watchdog: float) -> dict[str, str]:
        return {"NOTIFY_SOCKET": self.address, "WATCHDOG_USEC": str(int(watchdog * 1e6))}

    def next(self) -> str:
        return self._socket.recv(4096).decode()

    def all(self) -> list[str]:
        """What has come until now."""
        self._socket.settimeout(0)
        messages = []
        try:
            while True:
                messages.append(self.next())
        except BlockingIOError:
            self._socket.settimeout(60)
            return messages

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["file", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    name = str(tmp_path / "notify") if request.param == "file" else f"@spikerain-{os.getpid()}"
    held = Manager(name)
    yield held
    held.close()


def test_signs_of_life_stop_when_the_run_is_stuck(manager: Manager) -> None:
    service = Service(manager.environment(watchdog=0.3))
    stuck = [0.0]
    service.watch(lambda: "12 frames", lambda: stuck[0])
    with service.reported():
        service.ready()
        assert manager.next() == "READY=1"
        assert [manager.next() for _ in range(4)] == ["STATUS=12 frames", "WATCHDOG=1"] * 2
        stuck[0] = 1.0
        time.sleep(0.3)
        manager.all()
        assert [manager.next() for _ in range(2)] == ["STATUS=12 frames"] * 2
    assert manager.all()[-1] == "STOPPING=1"


def test_a_watchdog_of_another_process_is_not_ours(manager: Manager) -> None:
    service = Service({**manager.environment(watchdog=0.01), "WATCHDOG_PID": "1"})
    with service.reported():
        time.sleep(0.1)
    assert manager.all() == ["STOPPING=1"]


def test_without_a_service_manager_nothing_is_sent() -> None:
    service = Service({})
    with service.reported():
        service.ready()


@pytest.mark.slow
def test_a_service_that_waits_for_its_camera_is_ready_and_alive(
    manager: Manager, tmp_path: Path
) -> None:
    camera = "rtsp://127.0.0.1:9/stream"
    options = ["--camera", camera, "--wait-for-camera", "--imgsz", "32"]
    program = subprocess.Popen(
        [PROGRAM, "run", *options],
        env={**os.environ, **manager.environment(watchdog=3)},
        cwd=tmp_path,
        preexec_fn=default_signals,
    )
    assert manager.next() == "READY=1"
    messages = [manager.next() for _ in range(4)]
    assert "WATCHDOG=1" in messages
    program.send_signal(signal.SIGTERM)
    assert program.wait(60) == 128 + signal.SIGTERM
    assert manager.all()[-1] == "STOPPING=1"
    manager.close()


@pytest.mark.slow
def test_a_run_reports_its_frames(manager: Manager, tmp_path: Path) -> None:
    options = ["--camera", "demo", "--imgsz", "256"]
    program = subprocess.Popen(
        [PROGRAM, "run", *options],
        env={**os.environ, **manager.environment(watchdog=3)},
        cwd=tmp_path,
        preexec_fn=default_signals,
    )
    seen = []
    while not seen or "frames written" not in seen[-1]:
        seen.append(manager.next())
    program.send_signal(signal.SIGINT)
    assert program.wait(60) == 128 + signal.SIGINT
    assert "READY=1" in seen
    assert "WATCHDOG=1" in [*seen, *manager.all()]
