"""Cameras on this machine that do what a test wants: HTTP in this process, RTSP in another."""

from __future__ import annotations

import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import pytest

from spikerain_edge.images import Image

BOUNDARY = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"
RTSP_SERVER = Path(__file__).parents[1] / "docs" / "rtsp_server.py"
SYSTEM_PYTHON = Path("/usr/bin/python3")
PACKAGES = "python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-bad"


def jpeg(image: Image) -> bytes:
    return cv2.imencode(".jpg", image)[1].tobytes()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Web:
    """A server on this machine.

    Attributes:
        base: its URL.
        files: content by path.
        parts: parts of the stream at `/live`, sent `pause` seconds apart to each client.
        draw: makes the parts instead, each when it is sent.
        pause: seconds.
        after: what it does when all parts are sent: `close` the connection, `hang`, or `repeat`.
        status: what it answers instead of the stream, where it is not 200.
        clients: how many have asked for the stream.
    """

    def __init__(self, port: int = 0) -> None:
        self.files: dict[str, bytes] = {}
        self.parts: list[bytes] = []
        self.draw: Callable[[], bytes] | None = None
        self.pause = 0.0
        self.after = "close"
        self.status = 200
        self.clients = 0
        self.ended = threading.Event()
        web = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                if self.path.split("?")[0] == "/live":
                    web.clients += 1
                    web.serve(self)
                elif self.path in web.files:
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(web.files[self.path])))
                    self.end_headers()
                    self.wfile.write(web.files[self.path])
                else:
                    self.send_error(401 if self.path == "/secret" else 404)

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.base = f"http://127.0.0.1:{self.server.server_port}"
        self._thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self._thread.start()

    def serve(self, request: BaseHTTPRequestHandler) -> None:
        if self.status != 200:
            request.send_error(self.status)
            return
        request.send_response(200)
        request.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        request.end_headers()
        try:
            while not self.ended.is_set():
                for part in [self.draw()] if self.draw else self.parts:
                    request.wfile.write(BOUNDARY % len(part) + part + b"\r\n")
                    time.sleep(self.pause)
                if self.after != "repeat":
                    break
            if self.after == "hang":
                self.ended.wait(60)
        except OSError:
            pass

    def close(self) -> None:
        self.ended.set()
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


class RtspCamera:
    """GStreamer's RTSP server on a port that it keeps; skips where it is not installed.

    Args:
        options: of `rtsp_server.py`.
    """

    def __init__(self, *options: str) -> None:
        if not SYSTEM_PYTHON.exists():
            pytest.skip(f"an RTSP server needs {SYSTEM_PYTHON} and {PACKAGES}")
        self.port = free_port()
        self.url = f"rtsp://127.0.0.1:{self.port}/stream"
        self._options = options
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        command = [SYSTEM_PYTHON, RTSP_SERVER, "--port", str(self.port), *self._options]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True)
        assert self._process.stdout is not None
        if not self._process.stdout.readline():
            pytest.skip(f"no RTSP server; install the Debian packages {PACKAGES}")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def freeze(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)
