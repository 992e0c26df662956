from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from spikerain_edge.images import Image
from spikerain_edge.stream.frame import Frame

Run = Callable[..., subprocess.CompletedProcess[str]]


class Shower:
    """Fifteen dry seconds and five of rain, four frames a second, with the noise of a camera."""

    live = False
    rate = 4.0
    length: int | None = 80
    paths: Sequence[Path] = ()
    missing = 0

    def __iter__(self) -> Iterator[Frame]:
        for number in range(80):
            yield Frame(picture(number), number, time.perf_counter(), f"{number:02d}")

    def close(self) -> None:
        """Nothing to close."""


def picture(number: int) -> Image:
    dry = np.random.default_rng(0).normal(90, 40, (4, 6, 3))
    image = cv2.resize(dry, (96, 64), interpolation=cv2.INTER_CUBIC).clip(20, 150).astype(np.uint8)
    rng = np.random.default_rng(number)
    image = (image + rng.normal(0, 10, image.shape)).clip(0, 255).round().astype(np.uint8)
    if number >= 60:
        for x, y in rng.integers((0, 0), (96, 64), (20, 2)).tolist():
            cv2.line(image, (x, y), (x + 1, y + 12), (200, 200, 200), 1, cv2.LINE_AA)
    return image


@pytest.fixture(autouse=True)
def camera(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spikerain_edge.camera_stream.open_source", lambda *_: Shower())


@pytest.mark.slow
def test_dry_frames_are_written_untouched_and_counted(spikerain: Run, tmp_path: Path) -> None:
    logged = ("--log-format", "json")
    outputs = ("--output", "frames/", "--json", "summary.json")
    ended = spikerain("--camera", "0", "--gate", "auto", *outputs, *logged)

    assert ended.returncode == 0, ended.stderr
    summary = json.loads((tmp_path / "summary.json").read_text())
    written = [cv2.imread(str(tmp_path / "frames" / f"{n:02d}.png")) for n in range(80)]
    same = [np.array_equal(image, picture(n)) for n, image in enumerate(written)]
    assert summary["rain"]["state"] == "rain"
    assert summary["rain"]["intensity"] > 0.5
    assert summary["rain"]["bypassed"] == sum(same)
    assert summary["cameras"][0]["rain"] == summary["rain"]
    assert all(same[48:60])
    assert not any(same[:32])
    assert not any(same[68:])
    messages = [json.loads(line) for line in ended.stderr.splitlines()]
    events = [each for each in messages if each.get("event") == "rain_state"]
    assert [(event["camera"], event["state"]) for event in events] == [("0", "dry"), ("0", "rain")]


def test_without_a_gate_every_frame_is_derained(spikerain: Run, tmp_path: Path) -> None:
    ended = spikerain("--camera", "0", "--max-frames", "3", "--json", "-")

    assert ended.returncode == 0, ended.stderr
    unknown = {"state": "unknown", "intensity": None, "bypassed": 0}
    assert json.loads(ended.stdout)["rain"] == unknown


def test_the_table_of_a_run_tells_how_many_frames_passed(spikerain: Run) -> None:
    ended = spikerain("--camera", "0", "--max-frames", "3", "--gate", "auto")

    assert ended.returncode == 0, ended.stderr
    row = next(line for line in ended.stderr.splitlines() if "passed unchanged" in line)
    assert "0, state unknown" in row
