"""Measures how several RTSP cameras share one engine: frames and their ages, with one that is lost.

Starts GStreamer's RTSP server for each camera on the loopback interface (Debian packages
python3-gi, gir1.2-gst-rtsp-server-1.0, gstreamer1.0-plugins-bad), runs `spikerain-edge run` on all
of them, and prints a row of a Markdown table for each.

    python benchmarks/several_cameras.py --rates 25 10 5 --lost 5
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SERVER = Path(__file__).parents[1] / "tests" / "docs" / "rtsp_server.py"
PROGRAM = Path(sys.executable).with_name("spikerain-edge")
PICTURES = "videotestsrc is-live=true ! video/x-raw,width={},height={},framerate={}/1"


class Camera:
    """An RTSP server that may be killed and started again."""

    def __init__(self, rate: int, size: str) -> None:
        self._pictures = PICTURES.format(*size.split("x"), rate)
        self._port = "0"
        self.start()

    def start(self) -> None:
        """Starts the server, again at the port that it had."""
        command = ["/usr/bin/python3", SERVER, "--port", self._port, "--pictures", self._pictures]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603
        self.url = (self._process.stdout or sys.stdin).readline().strip()
        self._port = self.url.rpartition(":")[2].partition("/")[0]

    def kill(self) -> None:
        """Kills the server."""
        self._process.kill()
        self._process.wait()


def main() -> None:
    """Runs the cameras and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rates", type=int, nargs="+", default=[25, 10, 5], help="frames/s sent")
    parser.add_argument("--size", default="320x240")
    parser.add_argument("--model", default="nano")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--lost", type=float, default=0.0, help="seconds without the first")
    given = parser.parse_args()
    cameras = [Camera(rate, given.size) for rate in given.rates]
    try:
        summary = measured(cameras, given)
    finally:
        for camera in cameras:
            camera.kill()
    print("| camera | sent per second | frames | dropped | age, ms, p50 / p99 | outages |")
    print("|---|---|---|---|---|---|")
    for number, (rate, camera) in enumerate(zip(given.rates, summary["cameras"], strict=True)):
        age = " / ".join(f"{value:.0f}" for value in camera["age_ms"].values())
        away = ", ".join(f"{outage['seconds']:.1f} s" for outage in camera["outages"])
        counts = f"{camera['frames']} | {camera['dropped']}"
        print(f"| {number} | {rate} | {counts} | {age} | {away} |")
    latency = summary["latency_ms"]
    print(f"\n{summary['backend']}: {latency['p50']:.0f} ms, {latency['p99']:.0f} at p99")


def measured(cameras: list[Camera], given: argparse.Namespace) -> dict[str, object]:
    """Runs the program on the cameras, loses the first one for a while, and returns the summary."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "summary.json"
        words = [word for camera in cameras for word in ("--camera", camera.url)]
        command = [PROGRAM, "run", *words, "--model", given.model, "--json", path]
        command += ["--output", f"{folder}/{{camera}}.mp4"]
        program = subprocess.Popen(command)  # noqa: S603
        time.sleep(given.seconds / 2)
        if given.lost:
            cameras[0].kill()
            time.sleep(given.lost)
            cameras[0].start()
        time.sleep(given.seconds / 2)
        program.send_signal(signal.SIGTERM)
        program.wait()
        summary: dict[str, object] = json.loads(path.read_text())
    return summary


if __name__ == "__main__":
    main()
