"""Signals end a run in every state of its camera."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from cameras import Web, free_port, jpeg
from terminal import default_signals

PROGRAM = Path(sys.executable).with_name("spikerain-edge")
# Two seconds are asked for; a busy machine gets more.
SOON = 8.0
OPTIONS = ("--imgsz", "32", "--threads", "1", "--wait-for-camera", "--json", "summary.json")


@pytest.fixture
def web() -> Iterator[Web]:
    served = Web()
    served.parts = [jpeg(np.full((48, 64, 3), level, np.uint8)) for level in (40, 80, 120)]
    yield served
    served.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    running: list[subprocess.Popen[str]] = []

    def run(url: str) -> subprocess.Popen[str]:
        """Runs the program in a folder of its own, as from a terminal."""
        command = [PROGRAM, "run", "--camera", url, "--output", "out.mp4", *OPTIONS, "--verbose"]
        process = subprocess.Popen(
            command,
            cwd=tmp_path,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=default_signals,
        )
        running.append(process)
        return process

    yield run
    for process in running:
        process.kill()
        process.communicate()


def await_line(process: subprocess.Popen[str], text: str) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if text in line:
            return
    pytest.fail(f"the program ended without saying {text!r}")


def end(process: subprocess.Popen[str], number: signal.Signals) -> None:
    begun = time.perf_counter()
    process.send_signal(number)
    process.communicate(timeout=60)
    assert time.perf_counter() - begun < SOON
    assert process.returncode == 128 + number


Start = Callable[[str], "subprocess.Popen[str]"]
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.mark.slow
@pytest.mark.parametrize("number", SIGNALS)
def test_while_it_waits_for_an_absent_camera(
    start: Start, tmp_path: Path, number: signal.Signals
) -> None:
    process = start(f"http://127.0.0.1:{free_port()}/live")
    await_line(process, "trying again")
    end(process, number)
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", SIGNALS)
def test_while_a_camera_opens(web: Web, start: Start, number: signal.Signals) -> None:
    web.parts, web.after = [], "hang"
    process = start(f"{web.base}/live")
    while web.clients == 0:
        time.sleep(0.05)
    end(process, number)


@pytest.mark.slow
@pytest.mark.parametrize(("after", "told"), [("hang", "reading"), ("close", "closed the conn")])
@pytest.mark.parametrize("number", SIGNALS)
def test_while_a_camera_is_silent_or_lost(
    web: Web, start: Start, tmp_path: Path, after: str, told: str, number: signal.Signals
) -> None:
    web.after = after
    process = start(f"{web.base}/live")
    await_line(process, told)
    if after == "close":
        web.status = 404
        await_line(process, "404")
    else:
        time.sleep(1.0)
    end(process, number)

    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["frames"] >= 1
    assert summary["error"] is None
    assert len(summary["outages"]) >= (after == "close")
    assert (tmp_path / "out.mp4").exists()
