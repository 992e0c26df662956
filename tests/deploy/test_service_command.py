"""The command line of the unit, with an RTSP camera and the socket that systemd would hold."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import av
import pytest
from terminal import default_signals
from test_deploy import DEPLOY, UNIT

SYSTEM_PYTHON = Path("/usr/bin/python3")
SERVER = DEPLOY.parent / "tests" / "docs" / "rtsp_server.py"
PACKAGES = "python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-bad"
SECONDS = 120


@pytest.fixture
def camera() -> Iterator[str]:
    """The URL of an RTSP camera; skips where GStreamer's server is not installed."""
    if not SYSTEM_PYTHON.exists():
        pytest.skip(f"an RTSP server needs {SYSTEM_PYTHON} and {PACKAGES}")
    command = [SYSTEM_PYTHON, SERVER, "--watch"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as server:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        if not url:
            pytest.skip(f"no RTSP server; install the Debian packages {PACKAGES}")
        yield url
        server.kill()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as held:
        held.bind(str(tmp_path / "notify"))
        held.settimeout(SECONDS)
        yield held


def settings_of_the_unit() -> dict[str, str]:
    lines = re.findall(r'^Environment="?(\w+)=(.*?)"?$', UNIT.read_text(), re.MULTILINE)
    return {name: value.replace("%%", "%") for name, value in lines}


def records(told: list[str]) -> bool:
    """Whether frames have been written and a sign of life has been given."""
    return "WATCHDOG=1" in told and bool(re.search(r"[1-9]\d* frames written", told[-1]))


@pytest.mark.slow
def test_the_unit_records_a_camera_and_tells_systemd_so(
    camera: str, systemd: socket.socket, tmp_path: Path
) -> None:
    settings = settings_of_the_unit()
    recordings = Path(settings["SPIKERAIN_OUTPUT"])
    settings |= {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "HOME": str(tmp_path / "cache"),
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "SPIKERAIN_CAMERA": camera,
        "SPIKERAIN_OUTPUT": str(tmp_path / recordings.name),
        "SPIKERAIN_SIZE": "64x64",
        "SPIKERAIN_ENGINE": "off",
        "NOTIFY_SOCKET": str(tmp_path / "notify"),
        "WATCHDOG_USEC": "3000000",
    }
    told: list[str] = []
    service = subprocess.Popen(
        [DEPLOY / "serve.sh"], env=settings, start_new_session=True, preexec_fn=default_signals
    )
    try:
        # Two messages a second: this ends after minutes, should no frame be written.
        while len(told) < 2 * SECONDS and not records(told):
            told.append(systemd.recv(4096).decode())
        assert records(told), told[-4:]
        assert "READY=1" in told
        service.send_signal(signal.SIGINT)
        assert service.wait(SECONDS) == 128 + signal.SIGINT, "what the unit takes for success"
    finally:
        if service.poll() is None:
            os.killpg(service.pid, signal.SIGKILL)
            service.wait(SECONDS)
    (recording,) = tmp_path.glob("derained_*.mp4")
    with av.open(str(recording)) as video:
        frames = list(video.decode(video=0))
    assert frames
    assert (frames[0].width, frames[0].height) == (64, 64)
