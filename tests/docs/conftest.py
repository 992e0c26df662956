from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from workshop import Workshop

SYSTEM_PYTHON = Path("/usr/bin/python3")
PACKAGES = "python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-bad"


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    servers: list[subprocess.Popen[str]] = []

    def rtsp() -> str:
        """The URL of a live RTSP camera; skips where GStreamer's server is not installed."""
        program = [SYSTEM_PYTHON, Path(__file__).with_name("rtsp_server.py"), "--watch"]
        if not SYSTEM_PYTHON.exists():
            pytest.skip(f"an RTSP server needs {SYSTEM_PYTHON} and {PACKAGES}")
        server = subprocess.Popen(
            program,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        servers.append(server)
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        if not url:
            pytest.skip(f"no RTSP server; install the Debian packages {PACKAGES}")
        return url

    yield Workshop(tmp_path_factory.mktemp("documents"), rtsp)
    for server in servers:
        server.kill()
        server.communicate()
