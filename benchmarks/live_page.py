"""Measures what viewers and attackers of the live page cost the stream: its rate and its memory.

The program runs on one core and the viewers on another one, so that only the program's own work for
them counts. Phases with and without them take turns. There are two figures: the ratio of the rates,
and the ratio of processor time per frame, which a busy machine disturbs less. Third, the processor
time in a second that a page takes which has a camera of ten frames a second and no network.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.request import urlopen

import cv2
import numpy as np

from spikerain_edge.serving.address import Address
from spikerain_edge.serving.feed import Feed
from spikerain_edge.serving.server import LivePage

_GET = "GET {} HTTP/1.1\r\nHost: localhost\r\n\r\n"
Attack = Callable[[int, threading.Event], None]


def connect(port: int, request: str = "") -> socket.socket:
    """Opens a connection and sends what a request begins with."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=5)
    connection.sendall(request.encode())
    return connection


def read_all(connection: socket.socket, ended: threading.Event, pause: float, amount: int) -> None:
    """Reads from a connection until it is closed, `amount` bytes at a time."""
    with suppress(OSError):
        while not ended.is_set() and connection.recv(amount):
            ended.wait(pause)


def watch(viewers: int, *, pause: float = 0.0, amount: int = 1 << 16) -> Attack:
    """Viewers of both views who read so much at a time."""

    def attack(port: int, ended: threading.Event) -> None:
        opened = [connect(port, _GET.format("/stream.mjpg?view=both")) for _ in range(viewers)]
        readers = [
            threading.Thread(target=read_all, args=(one, ended, pause, amount)) for one in opened
        ]
        for reader in readers:
            reader.start()
        ended.wait()
        for one in opened:
            one.close()
        for reader in readers:
            reader.join()

    return attack


def connections(port: int, ended: threading.Event) -> None:
    """Five hundred connections that say nothing, again and again."""
    while not ended.is_set():
        opened = []
        for _ in range(500):
            with suppress(OSError):
                opened.append(connect(port))
        ended.wait(1)
        for one in opened:
            one.close()


def flood(port: int, ended: threading.Event) -> None:
    """Requests as fast as they are answered."""
    request = _GET.format("/api/status").encode()
    while not ended.is_set():
        with suppress(OSError), connect(port) as connection:
            while not ended.is_set():
                connection.sendall(request)
                if not connection.recv(1 << 16):
                    break


def heads(port: int, ended: threading.Event) -> None:
    """Requests with an endless head."""
    while not ended.is_set():
        with suppress(OSError), connect(port, "GET / HTTP/1.1\r\nHost: localhost\r\n") as one:
            while not ended.is_set():
                one.sendall(b"X-Padding: " + b"y" * 4000 + b"\r\n")


ATTACKS: dict[str, Attack] = {
    "one viewer": watch(1),
    "eight viewers": watch(8),
    "a byte a second, eight times": watch(8, pause=1.0, amount=1),
    "500 connections": connections,
    "flood of requests": flood,
    "endless heads": heads,
}


class Program:
    """The program with its live page, on a core of its own."""

    def __init__(self, clip: Path, core: int) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        options = ["--camera", str(clip), "--threads", "1", "--serve", str(self.port)]
        self._process = subprocess.Popen(  # noqa: S603
            [Path(sys.executable).with_name("spikerain-edge"), "run", *options],
            stderr=subprocess.DEVNULL,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        )

    def frames(self) -> int:
        """Frames so far; waits while the page is busy."""
        while True:
            with suppress(OSError), urlopen(f"http://127.0.0.1:{self.port}/api/status") as answer:
                return int(json.load(answer)["frames"])
            time.sleep(0.02)

    def memory_mib(self) -> float:
        """Resident memory in MiB."""
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)

    def rates(self, seconds: float) -> tuple[float, float]:
        """Frames per second, and per second of processor time, over the next seconds."""
        began, first, busy = time.perf_counter(), self.frames(), busy_seconds(self._process.pid)
        time.sleep(seconds)
        frames = self.frames() - first
        return frames / (time.perf_counter() - began), frames / (
            busy_seconds(self._process.pid) - busy
        )

    def end(self) -> None:
        """Stops the program."""
        self._process.terminate()
        self._process.wait()


class PageAlone:
    """The live page of a camera without a network, in a process of its own."""

    def __init__(self, side: int) -> None:
        command = [sys.executable, __file__, "--side", str(side), "--page-alone"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        self.port = int(self._process.stdout.readline())

    def milliseconds(self, attack: Attack, seconds: float) -> float:
        """Processor time per second while the page is attacked."""
        with attacked(attack, self.port):
            time.sleep(2)
            began, busy = time.perf_counter(), busy_seconds(self._process.pid)
            time.sleep(seconds)
            spent = busy_seconds(self._process.pid) - busy
            return spent / (time.perf_counter() - began) * 1e3

    def end(self) -> None:
        """Stops the page."""
        self._process.terminate()
        self._process.wait()


def serve_page_alone(side: int) -> None:
    """Serves a page until it is stopped; prints its port."""
    noise = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    picture = np.asarray(cv2.GaussianBlur(noise, (0, 0), 2), np.uint8)
    feed = Feed("camera")
    with LivePage(Address("127.0.0.1", 0), [feed], 10.0).opened() as page:
        print(page.address.port, flush=True)
        while True:
            feed.show(picture, picture)
            time.sleep(0.1)


def busy_seconds(process: int) -> float:
    """Processor time of a process so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def attacked(attack: Attack, port: int) -> Iterator[None]:
    """Within it the page is attacked."""
    ended = threading.Event()
    thread = threading.Thread(target=attack, args=(port, ended))
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def write_clip(path: Path, side: int, frames: int) -> None:
    """Writes a video of noise that moves."""
    picture = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 2), np.uint8)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25.0, (side, side))
    for number in range(frames):
        writer.write(np.roll(picture, number, axis=1))
    writer.release()


def row(program: Program, name: str, attack: Attack, seconds: float, pairs: int) -> str:
    """Measures one kind of viewer: medians of the rates and of the ratios of each pair."""
    before, alone, watched = program.memory_mib(), [], []
    for _ in range(pairs):
        alone.append(program.rates(seconds))
        with attacked(attack, program.port):
            watched.append(program.rates(seconds))
    rates = [statistics.median(rate for rate, _ in phases) for phases in (alone, watched)]
    ratios = [
        statistics.median(b[figure] / a[figure] for a, b in zip(alone, watched, strict=True))
        for figure in (0, 1)
    ]
    memory = f"{before:.0f} to {program.memory_mib():.0f}"
    return (
        f"{name:<30}{rates[0]:>9.2f}{rates[1]:>9.2f}{ratios[0]:>8.3f}{ratios[1]:>9.3f}{memory:>14}"
    )


def main() -> None:
    """Prints a row for each kind of viewer."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--side", type=int, default=256, help="side of the frames in pixels")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of a phase")
    parser.add_argument("--pairs", type=int, default=3, help="pairs of phases")
    parser.add_argument("--only", help="the name of one kind of viewer")
    parser.add_argument("--page-alone", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--no-rates", action="store_true", help="measure the page alone only")
    options = parser.parse_args()
    if options.page_alone:
        serve_page_alone(options.side)
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})
    alone = PageAlone(options.side)
    print(f"{'page alone':<30}{'ms/s':>9}")
    for name, attack in ATTACKS.items():
        if options.only in (None, name):
            print(f"{name:<30}{alone.milliseconds(attack, options.seconds):>9.1f}", flush=True)
    alone.end()
    if options.no_rates:
        return
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        write_clip(clip, options.side, 20_000)
        program = Program(clip, cores[0])
        program.rates(5.0)
        print(f"{'':<30}{'alone':>9}{'watched':>9}{'ratio':>8}{'of time':>9}{'MiB':>14}")
        for name, attack in ATTACKS.items():
            if options.only in (None, name):
                print(row(program, name, attack, options.seconds, options.pairs), flush=True)
        program.end()


if __name__ == "__main__":
    main()
