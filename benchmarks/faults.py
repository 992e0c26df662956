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
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
from cameras import RtspCamera, Web, free_port, jpeg

from fault_parts import LIMIT, ended, moving_camera, recorded, rtsp, seconds_until, started
from spikerain_edge.errors import SpikeRainError
from spikerain_edge.stream.capture_options import CaptureOptions
from spikerain_edge.stream.live import LiveSource
from spikerain_edge.stream.sources import open_source

NOISE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)


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
