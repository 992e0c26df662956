"""Measures what viewers and attackers of the live page cost the stream: its rate and its memory.

The program runs on one core and the viewers on another one, so that only the program's own work for
them counts. Phases with and without them take turns. There are three figures: the ratio of the
rates with the smallest and largest of the pairs, the ratio of processor time per frame, which a
busy machine disturbs less, and the processor time of the page's threads in a second, which it does
not disturb. The last one is measured beforehand, too, for a page that has a camera of ten frames a
second and no network.

Frames are counted beside the page, in a file of shared memory: asking a page that is under attack
would wait behind the attackers.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from page_attacks import ATTACKS, Attack, attacked
from spikerain_edge.cli import main as spikerain_edge
from spikerain_edge.images import Image
from spikerain_edge.serving import feed as feeds
from spikerain_edge.serving.address import Address
from spikerain_edge.serving.feed import Feed
from spikerain_edge.serving.server import LivePage


@dataclass(frozen=True)
class Phase:
    """What was measured over some seconds.

    Attributes:
        rate: frames per second.
        of_time: frames per second of the program's processor time.
        page_ms: processor time of the page's threads, milliseconds per second.
    """

    rate: float
    of_time: float
    page_ms: float


class Program:
    """The program with its live page, on a core of its own."""

    def __init__(self, folder: Path, side: int, core: int) -> None:
        clip, self._count = folder / "clip.mp4", folder / "count"
        write_clip(clip, side, 20_000)
        self._count.write_bytes(bytes(16))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        options = ["--camera", str(clip), "--threads", "1", "--serve", str(self.port)]
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, __file__, "--count", str(self._count), "run", *options],
            stderr=subprocess.DEVNULL,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        )

    def frames(self) -> tuple[int, float]:
        """Frames so far, and when the latest one came, in seconds."""
        count, moment = np.frombuffer(self._count.read_bytes(), np.uint64)
        return int(count), int(moment) / 1e9

    def wait(self) -> None:
        """Waits until the first frames have come."""
        end = time.monotonic() + 120
        while self.frames()[0] < 10:
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError("the program does not derain")
            time.sleep(0.1)

    def memory_mib(self) -> float:
        """Resident memory in MiB."""
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)

    def phase(self, seconds: float) -> Phase:
        """Measures the next seconds."""
        process = self._process.pid
        busy, page, clock = busy_seconds(process), page_seconds(process), time.perf_counter()
        first, began = self.frames()
        time.sleep(seconds)
        last, ended = self.frames()
        busy, page = busy_seconds(process) - busy, page_seconds(process) - page
        return Phase(
            rate=(last - first) / max(ended - began, 1e-9),
            of_time=(last - first) / busy,
            page_ms=page / (time.perf_counter() - clock) * 1e3,
        )

    def end(self) -> None:
        """Stops the program."""
        stop(self._process)


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
            began, busy = time.perf_counter(), page_seconds(self._process.pid)
            time.sleep(seconds)
            spent = page_seconds(self._process.pid) - busy
            return spent / (time.perf_counter() - began) * 1e3

    def end(self) -> None:
        """Stops the page."""
        stop(self._process)


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


def count_frames(count: Path, arguments: list[str]) -> None:
    """Runs the program, and counts the frames that its page is shown in a file."""
    shared = np.memmap(count, np.uint64, "r+", shape=(2,))

    class Counting(Feed):
        def show(self, before: Image, after: Image) -> None:
            shared[:] = shared[0] + 1, time.monotonic_ns()
            super().show(before, after)

    feeds.Feed = Counting  # type: ignore[misc]
    sys.argv[1:] = arguments
    spikerain_edge()


def stop(process: subprocess.Popen[Any]) -> None:
    """Stops a process."""
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def busy_seconds(process: int) -> float:
    """Processor time of a process so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def page_seconds(process: int) -> float:
    """Processor time so far of the page's threads: those that give way to the others."""
    seconds, own = 0.0, os.getpriority(os.PRIO_PROCESS, process)
    for thread in Path(f"/proc/{process}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):
            if os.getpriority(os.PRIO_PROCESS, int(thread.name)) > own:
                seconds += int((thread / "schedstat").read_text().split()[0]) / 1e9
    return seconds


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
        alone.append(program.phase(seconds))
        with attacked(attack, program.port):
            watched.append(program.phase(seconds))
    pair = list(zip(alone, watched, strict=True))
    ratios = [with_them.rate / without.rate for without, with_them in pair]
    of_time = statistics.median(with_them.of_time / without.of_time for without, with_them in pair)
    rates = [statistics.median(phase.rate for phase in phases) for phases in (alone, watched)]
    page = statistics.median(phase.page_ms for phase in watched)
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
    memory = f"{before:.0f} to {program.memory_mib():.0f}"
    return (
        f"{name:<30}{rates[0]:>9.2f}{rates[1]:>9.2f}{statistics.median(ratios):>8.3f}{spread:>14}"
        f"{of_time:>9.3f}{page:>11.1f}{memory:>14}"
    )


def main() -> None:
    """Prints a row for each kind of viewer."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--side", type=int, default=256, help="side of the frames in pixels")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of a phase")
    parser.add_argument("--pairs", type=int, default=3, help="pairs of phases")
    parser.add_argument("--only", help="the name of one kind of viewer")
    parser.add_argument("--page-alone", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--count", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    parser.add_argument("--no-rates", action="store_true", help="measure the page alone only")
    options = parser.parse_args()
    if options.count:
        count_frames(Path(options.count[0]), options.count[1:])
        return
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
        program = Program(Path(folder), options.side, cores[0])
        program.wait()
        print(
            f"{'':<30}{'alone':>9}{'watched':>9}{'ratio':>8}{'pairs':>14}{'of time':>9}"
            f"{'page ms/s':>11}{'MiB':>14}"
        )
        for name, attack in ATTACKS.items():
            if options.only in (None, name):
                print(row(program, name, attack, options.seconds, options.pairs), flush=True)
        program.end()


if __name__ == "__main__":
    main()
