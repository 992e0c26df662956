"""Measures what a run does at each fault of a camera or an output, with real parts.

GStreamer's RTSP server and small HTTP servers on this machine are killed, frozen and damaged; disks
are filled and pipes blocked. Prints one row of a table for each fault. Run it as

    PYTHONPATH=tests:tests/stream python benchmarks/faults.py [NAME ...]
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import av
import numpy as np
from cameras import RtspCamera, Web, free_port, jpeg
from terminal import default_signals

from spikerain_edge.errors import SpikeRainError
from spikerain_edge.images import Image
from spikerain_edge.stream.capture_options import CaptureOptions
from spikerain_edge.stream.live import LiveSource
from spikerain_edge.stream.sources import open_source

PROGRAM = str(Path(sys.executable).with_name("spikerain-edge"))
NOISE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
LIMIT = 120.0


class Reading:
    """Reads a camera on a thread of its own, and notes when frames were captured."""

    def __init__(self, url: str) -> None:
        source = open_source(url, CaptureOptions())
        assert isinstance(source, LiveSource)  # noqa: S101 - a camera
        self.source = source
        self.latest = 0.0
        self.frames = 0
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for frame in self.source:
            self.latest = frame.captured
            self.frames += 1

    def close(self) -> None:
        """Ends the reading."""
        self.source.close()


def seconds_until(condition: Callable[[], bool]) -> float:
    """How long it takes until something is true."""
    begun = time.perf_counter()
    while not condition():
        if time.perf_counter() - begun > LIMIT:
            return float("inf")
        time.sleep(0.01)
    return time.perf_counter() - begun


@contextmanager
def rtsp() -> Iterator[tuple[RtspCamera, Reading]]:
    """An RTSP camera that is read."""
    camera = RtspCamera()
    camera.start()
    reading = Reading(camera.url)
    seconds_until(lambda: reading.frames > 10)
    yield camera, reading
    reading.close()
    camera.kill()


@contextmanager
def started(*options: str) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """The program in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.Popen(  # noqa: S603 - our own program
            [PROGRAM, "run", "--imgsz", "64x48", "--json", "summary.json", "--verbose", *options],
            cwd=folder,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=default_signals,
        )
        yield run, Path(folder)
        if run.returncode is None:
            run.kill()
            run.communicate()


def numbered(number: int) -> Image:
    """A number in 12 black and white squares, uint8 (48, 64, 3)."""
    bits = np.array([200 * (number >> bit & 1) + 20 for bit in range(12)], np.uint8).reshape(3, 4)
    return np.dstack([np.kron(bits, np.ones((16, 16), np.uint8))] * 3)


def recorded(video: Path) -> list[tuple[int, float]]:
    """Numbers and times in seconds of the frames of a video."""
    found = []
    with av.open(str(video)) as container:
        for frame in container.decode(video=0):
            bits = frame.to_ndarray(format="gray")[8::16, 8::16].ravel() > 110
            found.append((sum(1 << bit for bit, on in enumerate(bits) if on), frame.time or 0.0))
    return found


@contextmanager
def moving_camera(per_second: float) -> Iterator[tuple[Web, list[float]]]:
    """A camera of MJPEG that shows the numbers of its frames, and when it has sent each."""
    web, sent = Web(), []

    def draw() -> bytes:
        sent.append(time.perf_counter())
        return jpeg(numbered(len(sent) - 1))

    web.draw, web.pause, web.after = draw, 1 / per_second, "repeat"
    yield web, sent
    web.close()


def ended(run: subprocess.Popen[str], number: signal.Signals) -> float:
    """Seconds from a signal to the end of the program."""
    begun = time.perf_counter()
    run.send_signal(number)
    run.communicate(timeout=LIMIT)
    return time.perf_counter() - begun


def killed() -> str:
    """RTSP server killed three times, back after 3 s."""
    waits = []
    with rtsp() as (camera, reading):
        for _ in range(3):
            camera.kill()
            time.sleep(3.0)
            camera.start()
            back = time.perf_counter()
            waits.append(seconds_until(lambda back=back: reading.latest > back))
    told = ", ".join(f"{wait:.1f}" for wait in waits)
    return f"first frame after {told} s"


def frozen() -> str:
    """RTSP server silent (SIGSTOP)."""
    with rtsp() as (camera, reading):
        camera.freeze()
        noticed = seconds_until(lambda: reading.source.away)
        camera.thaw()
        back = time.perf_counter()
        again = seconds_until(lambda: reading.latest > back)
    return f"noticed after {noticed:.1f} s, back in {again:.1f} s"


def silent() -> str:
    """accepts and sends nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"rtsp://127.0.0.1:{server.getsockname()[1]}/x"
        begun = time.perf_counter()
        with suppress(SpikeRainError):
            open_source(url, CaptureOptions())
        given_up = time.perf_counter() - begun
        with started("--camera", url) as (run, _):
            time.sleep(4.0)
            stopped = ended(run, signal.SIGINT)
    return f"given up after {given_up:.1f} s; Ctrl-C {stopped:.1f} s"


def absent() -> str:
    """absent, unknown host, wrong password."""
    guarded = RtspCamera("--password", "secret")
    guarded.start()
    told = []
    for url in (
        f"rtsp://127.0.0.1:{free_port()}/x",
        "rtsp://nowhere.invalid/x",
        guarded.url.replace("//", "//camera:wrong@"),
    ):
        try:
            open_source(url, CaptureOptions())
        except SpikeRainError as error:
            told.append(error.cause.split("opened: ")[-1])
    guarded.kill()
    return "; ".join(told)


def garbage() -> str:
    """10 garbage JPEGs among 40."""
    web = Web()
    good = jpeg(NOISE)
    web.parts, web.after = [*[good] * 10, *[b"\xff\xd8 garbage"] * 10, *[good] * 30], "hang"
    source = open_source(f"{web.base}/live", CaptureOptions())
    assert isinstance(source, LiveSource)  # noqa: S101 - a camera
    frames = sum(1 for _, frame in zip(range(40), source, strict=False))
    source.close()
    web.close()
    return f"{frames} frames, {source.corrupt} counted"


def slow_camera() -> str:
    """camera at 5/s (MJPEG)."""
    options = ("--max-frames", "100", "--output", "out.mp4")
    with moving_camera(5) as (web, sent), started("--camera", f"{web.base}/live", *options) as made:
        run, folder = made
        run.communicate(timeout=LIMIT)
        frames = recorded(folder / "out.mp4")
    # The first frames come at once, after FFmpeg has looked at them.
    (first, begin), (last, end) = frames[10], frames[-1]
    wall = sent[last] - sent[first]
    off = 100 * ((end - begin) / wall - 1)
    return f"{wall:.1f} s are {end - begin:.1f} s of video ({off:+.2f} %)"


def kill_9() -> str:
    """`kill -9` while recording."""
    lost = {}
    for name in ("out.mp4", "out.mkv", "out.ts", "out.avi"):
        with moving_camera(25) as (web, sent):
            options = ("--camera", f"{web.base}/live", "--output", name)
            with started(*options) as (run, folder):
                seconds_until(lambda sent=sent: len(sent) > 300)
                run.kill()
                now = time.perf_counter()
                run.communicate()
                last, _ = recorded(folder / name)[-1]
        lost[name[4:]] = now - sent[last]
    told = ", ".join(f"{name} {seconds:.1f}" for name, seconds in lost.items())
    return f"seconds lost: {told}"


def full_disk() -> str:
    """disk full."""
    with moving_camera(25) as (web, _), tempfile.TemporaryDirectory() as place:
        mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", place]
        if subprocess.run(mount, check=False).returncode:  # noqa: S603
            return "not measured: needs root"
        options = ("--output", f"{place}/out.mp4", "--output", "null")
        with started("--camera", f"{web.base}/live", *options) as (run, folder):
            seconds_until(lambda: Path(place, "out.mp4").exists())
            time.sleep(2)
            free = os.statvfs(place).f_bavail * os.statvfs(place).f_bsize
            Path(place, "ballast").write_bytes(bytes(free - (1 << 14)))
            begun = time.perf_counter()
            assert run.stderr is not None  # noqa: S101 - a pipe
            next(line for line in run.stderr if "full" in line or "No space" in line)
            noticed = time.perf_counter() - begun
            time.sleep(2)
            ended(run, signal.SIGINT)
            frames = json.loads((folder / "summary.json").read_text())["outputs"][1]["written"]
        subprocess.run(["umount", "--lazy", place], check=True)  # noqa: S603, S607
    return f"told after {noticed:.1f} s; the other output has {frames} frames"


def blocked() -> str:
    """output blocked (FIFO)."""
    with moving_camera(25) as (web, _), tempfile.TemporaryDirectory() as place:
        os.mkfifo(f"{place}/pipe.ts")
        options = ("--output", f"{place}/pipe.ts", "--output", "out.mp4")
        with started("--camera", f"{web.base}/live", *options) as (run, folder):
            seconds_until(lambda: (folder / "out.mp4").exists())
            time.sleep(10)
            stopped = ended(run, signal.SIGINT)
            summary = json.loads((folder / "summary.json").read_text())
    age = summary["age_ms"]["p99"]
    return f"age p99 {age:.0f} ms in the other one; Ctrl-C {stopped:.1f} s"


FAULTS = (
    killed,
    frozen,
    silent,
    absent,
    garbage,
    slow_camera,
    kill_9,
    full_disk,
    blocked,
)


def main() -> None:
    """Prints a row for each fault that is named, or for all."""
    print("| fault | what happens |\n|---|---|")
    for fault in FAULTS:
        if len(sys.argv) == 1 or fault.__name__ in sys.argv:
            print(f"| {(fault.__doc__ or '').rstrip('.')} | {fault()} |", flush=True)


if __name__ == "__main__":
    main()
