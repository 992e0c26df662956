"""Runs the program for long on a camera that comes and goes, and measures whether it grows.

A camera on this machine sends JPEGs without a pause and closes the connection again and again. The
program derains and records them in segments of which the oldest are deleted. Its memory, open
files, threads and children are read from /proc once a second, from its first recording on. Growth
is the difference between the medians of the last tenth of the run and of the second tenth. The exit
code is 1 if the memory grows by 5 MB or more, or if anything else grows.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np

PROGRAM = str(Path(sys.executable).with_name("spikerain-edge"))
MOST_BYTES = 5_000_000
HEAD = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"


@dataclass(frozen=True)
class Sample:
    """What a process takes: bytes of memory, and numbers of open files, threads and children."""

    memory: int
    files: int
    threads: int
    children: int


def sample(process: int) -> Sample:
    """Reads what a process takes now; raises OSError when it has ended."""
    place = Path(f"/proc/{process}")
    status = dict(line.split(":", 1) for line in (place / "status").read_text().splitlines())
    tasks = list((place / "task").iterdir())
    children = [(task / "children").read_text().split() for task in tasks if task.exists()]
    return Sample(
        memory=int(status["VmRSS"].split()[0]) * 1024,
        files=len(list((place / "fd").iterdir())),
        threads=int(status["Threads"]),
        children=len([child for each in children for child in each]),
    )


@contextmanager
def camera(side: int, frames: int) -> Iterator[str]:
    """A camera that sends so many moving pictures on each connection; its URL."""
    rng = np.random.default_rng(0)
    scene = cv2.resize(rng.integers(0, 256, (8, 32, 3), np.uint8), (4 * side, side))
    parts = [
        cv2.imencode(".jpg", np.roll(scene, -7 * number, axis=1)[:, :side])[1].tobytes()
        for number in range(64)
    ]

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            with suppress(OSError):
                for number in range(frames):
                    part = parts[number % len(parts)]
                    self.wfile.write(HEAD % len(part) + part + b"\r\n")

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/live"
    finally:
        server.shutdown()
        server.server_close()


def soak(
    frames: int, each: int, side: int, folder: Path, every: float = 1.0
) -> tuple[list[Sample], dict[str, Any]]:
    """Runs the program; returns samples of it and its summary.

    Args:
        frames: how many it derains.
        each: how many the camera sends on each connection.
        side: pixels of their sides.
        folder: where it records.
        every: seconds between two samples.
    """
    command = [PROGRAM, "run", "--model", "nano", "--drop", "wait"]
    limits = ["--segment", "20s", "--keep", "4MB"]
    size = ["--imgsz", str(side), "--max-frames", str(frames)]
    samples = []
    with camera(side, each) as url:
        program = subprocess.Popen(  # noqa: S603 - our own program
            [*command, "--camera", url, "--output", "soak.mp4", *limits, *size, "--json", "s.json"],
            cwd=folder,
            stderr=subprocess.PIPE,
            text=True,
        )
        while program.poll() is None:
            time.sleep(every)
            with suppress(OSError, KeyError):
                if any(folder.glob("*.mp4")):
                    samples.append(sample(program.pid))
        _, told = program.communicate()
    if program.returncode:
        sys.exit(f"the program failed: {told}")
    return samples, json.loads((folder / "s.json").read_text())


def growth(samples: list[Sample], of: Callable[[Sample], int]) -> float:
    """By how much something has grown from the second tenth of a run to its last."""
    tenth = max(1, len(samples) // 10)
    early, late = samples[tenth : 2 * tenth], samples[-tenth:]
    return statistics.median(map(of, late)) - statistics.median(map(of, early))


def tenths(samples: list[Sample]) -> list[list[int]]:
    """Bytes of memory in each tenth of a run."""
    memory = [each.memory for each in samples]
    edges = [len(memory) * number // 10 for number in range(11)]
    return [memory[begin:end] for begin, end in pairwise(edges) if end > begin]


def main() -> int:
    """Prints what has grown; 1 if it is too much."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=20_000, help="frames to derain")
    parser.add_argument("--each", type=int, default=1000, help="frames of each connection")
    parser.add_argument("--side", type=int, default=64, help="pixels of their sides")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        samples, summary = soak(given.frames, given.each, given.side, Path(folder))
        kept = sum(path.stat().st_size for path in Path(folder).glob("*.mp4"))
    grown = {
        "memory": growth(samples, lambda each: each.memory),
        "files": growth(samples, lambda each: each.files),
        "threads": growth(samples, lambda each: each.threads),
        "children": growth(samples, lambda each: each.children),
    }
    print(f"{summary['frames']} frames in {summary['seconds']:.0f} s")
    print(f"{len(summary['outages'])} reconnects, {kept / 1e6:.1f} MB of recordings kept")
    most = max(each.memory for each in samples)
    print(
        f"memory at most {most / 1e6:.0f} MB, grown by {grown['memory'] / 1e6:+.2f} MB; by tenths:"
    )
    print(" ".join(f"{statistics.median(each) / 1e6:.1f}" for each in tenths(samples)))
    for name in ("files", "threads", "children"):
        most = max(getattr(each, name) for each in samples)
        print(f"{name} at most {most}, grown by {grown[name]:+.0f}")
    others = max(grown["files"], grown["threads"], grown["children"])
    return int(grown["memory"] >= MOST_BYTES or others > 0)


if __name__ == "__main__":
    sys.exit(main())
