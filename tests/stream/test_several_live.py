"""Several real cameras on one engine: one that is lost, absent or slow harms no other."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cameras import RtspCamera, Web, free_port, jpeg
from terminal import default_signals

pytestmark = pytest.mark.slow

PROGRAM = Path(sys.executable).with_name("spikerain-edge")
OPTIONS = ("--imgsz", "32", "--threads", "1", "--json", "summary.json")
Start = Callable[..., "subprocess.Popen[bytes]"]


def picture(level: int, size: tuple[int, int] = (48, 64)) -> bytes:
    return jpeg(np.full((*size, 3), level, np.uint8))


@pytest.fixture
def served() -> Iterator[Callable[..., Web]]:
    """Serves cameras of steady pictures, twenty per second."""
    servers: list[Web] = []

    def serve(*, size: tuple[int, int] = (48, 64), port: int = 0) -> Web:
        web = Web(port)
        web.parts = [picture(level, size) for level in (40, 80, 120)]
        web.pause, web.after = 0.05, "repeat"
        servers.append(web)
        return web

    yield serve
    for web in servers:
        web.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Runs the program in a folder of its own, as from a terminal."""
    running: list[subprocess.Popen[bytes]] = []

    def run(urls: list[str], *options: str) -> subprocess.Popen[bytes]:
        cameras = [word for url in urls for word in ("--camera", url)]
        with (tmp_path / "said").open("wb") as said:
            process = subprocess.Popen(
                [PROGRAM, "run", *cameras, *OPTIONS, *options],
                cwd=tmp_path,
                stderr=said,
                preexec_fn=default_signals,
            )
        running.append(process)
        return process

    yield run
    for process in running:
        process.kill()
        process.wait()


def await_that(process: subprocess.Popen[bytes], folder: Path, reached: Callable[[], bool]) -> None:
    """Waits until the program has reached something."""
    deadline = time.monotonic() + 300
    while not reached():
        assert process.poll() is None, said_in(folder)
        assert time.monotonic() < deadline, sorted(folder.rglob("*"))
        time.sleep(0.05)


def await_files(
    process: subprocess.Popen[bytes], folder: Path, pattern: str, count: int = 1
) -> None:
    await_that(process, folder, lambda: len(list(folder.glob(pattern))) >= count)


def said_in(folder: Path) -> str:
    return (folder / "said").read_text()


def summary_of(process: subprocess.Popen[bytes], folder: Path, code: int) -> dict[str, Any]:
    assert process.wait(300) == code, said_in(folder)
    summary: dict[str, Any] = json.loads((folder / "summary.json").read_text())
    return summary


def test_cameras_that_are_lost_have_outages_of_their_own(
    served: Callable[..., Web], start: Start, tmp_path: Path
) -> None:
    steady, closing, silent = served(), served(), served()
    closing.after, silent.after = "close", "hang"
    silent.parts = [picture(40)] * 5
    urls = [f"{web.base}/live" for web in (steady, closing, silent)]
    options = ("--stall-timeout", "5", "--max-frames", "7")
    process = start(urls, *options, "--output", "{camera}/")
    summary = summary_of(process, tmp_path, 0)

    assert [camera["frames"] for camera in summary["cameras"]] == [7, 7, 7]
    assert summary["frames"] == 21
    outages = [len(camera["outages"]) for camera in summary["cameras"]]
    assert outages[0] == 0
    assert outages[1] >= 1
    assert outages[2] >= 1
    assert len(summary["outages"]) == sum(outages)
    for camera in range(3):
        assert len(list((tmp_path / str(camera)).glob("*.png"))) == 7


def test_cameras_do_not_wait_for_one_that_is_absent(
    served: Callable[..., Web], start: Start, tmp_path: Path
) -> None:
    port = free_port()
    present = served()
    urls = [f"http://127.0.0.1:{port}/live", f"{present.base}/live"]
    process = start(urls, "--wait-for-camera", "--output", "f{camera}/", "--output", "{camera}.mp4")
    await_files(process, tmp_path, "f1/*.png", 5)
    assert not (tmp_path / "f0").exists()
    served(port=port, size=(80, 96))
    await_files(process, tmp_path, "f0/*.png", 5)
    process.send_signal(signal.SIGUSR1)
    await_files(process, tmp_path, "?_1.mp4", 2)
    process.send_signal(signal.SIGTERM)
    summary = summary_of(process, tmp_path, 128 + signal.SIGTERM)

    late, early = summary["cameras"]
    assert late["outages"]
    assert not early["outages"]
    assert early["error"] is None


def test_a_camera_that_stays_absent_is_away_all_the_time(
    served: Callable[..., Web], start: Start, tmp_path: Path
) -> None:
    urls = [f"http://127.0.0.1:{free_port()}/live", f"{served().base}/live"]
    process = start(urls, "--wait-for-camera", "--output", "f{camera}/")
    await_files(process, tmp_path, "f1/*.png", 3)
    process.send_signal(signal.SIGINT)
    summary = summary_of(process, tmp_path, 128 + signal.SIGINT)

    absent, present = summary["cameras"]
    assert absent["frames"] == 0
    (outage,) = absent["outages"]
    assert outage["seconds"] > 0
    assert present["frames"] >= 3
    assert not (tmp_path / "f0").exists()


def test_rtsp_cameras_go_on_while_one_is_killed_and_comes_back(
    start: Start, tmp_path: Path
) -> None:
    pictures = "videotestsrc is-live=true ! video/x-raw,width=96,height=64,framerate={}/1"
    cameras = [RtspCamera("--pictures", pictures.format(rate)) for rate in (25, 10, 5)]

    def written() -> list[int]:
        return [len(list((tmp_path / str(number)).glob("*.png"))) for number in range(3)]

    try:
        for camera in cameras:
            camera.start()
        # Frames of this size keep the network busy on most machines.
        urls = [camera.url for camera in cameras]
        process = start(urls, "--imgsz", "256", "--output", "{camera}/")
        await_that(process, tmp_path, lambda: min(written()) >= 3)
        cameras[0].kill()
        before = written()
        await_that(process, tmp_path, lambda: min(written()[1:]) >= max(before[1:]) + 4)
        lost = written()
        cameras[0].start()
        await_that(process, tmp_path, lambda: written()[0] >= lost[0] + 3)
        process.send_signal(signal.SIGTERM)
        summary = summary_of(process, tmp_path, 128 + signal.SIGTERM)
    finally:
        for camera in cameras:
            camera.kill()

    assert summary["cameras"][0]["outages"]
    for camera in summary["cameras"]:
        assert camera["error"] is None
        assert camera["age_ms"]["p50"] > 0
