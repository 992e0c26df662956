from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from spikerain_edge.cli import app
from spikerain_edge.stream.sinks import write_image
from spikerain_edge.stream.sources import Source, open_source

Image = npt.NDArray[np.uint8]


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[Image]:
    """The images that an export was asked to compare on."""
    taken: list[Image] = []

    def export_checkpoint(*places: Path, images: list[Image], name: str) -> Any:
        taken.extend(images)
        return SimpleNamespace(parity=None, graph="graph", probe="probe")

    monkeypatch.setattr("spikerain_export.export_checkpoint", export_checkpoint)
    return taken


def export(*arguments: str) -> int | str | None:
    with pytest.raises(SystemExit) as ended:
        app(["export", "checkpoint", *arguments])
    return ended.value.code


def test_the_demo_is_compared_on_moments_that_differ(compared: list[Image]) -> None:
    assert not export()
    assert len(compared) == 8
    nearest = min(np.abs(a.astype(int) - b).mean() for a, b in pairwise(compared))
    first, _, third = (frame.image for _, frame in zip(range(3), open_source("demo"), strict=False))
    assert nearest > 0
    # Two frames on, hardly anything but the rain has moved.
    assert nearest > np.abs(first.astype(int) - third).mean()


@pytest.mark.parametrize("live", [False, True])
def test_users_images_are_closed_and_a_camera_is_refused(
    compared: list[Image],
    tmp_path: Path,
    picture: Callable[..., Image],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    live: bool,
) -> None:
    write_image(tmp_path / "in.png", picture())
    closed: list[bool] = []

    def opened(uri: str) -> Source:
        source = open_source(uri)
        source.live = live
        monkeypatch.setattr(source, "close", lambda: closed.append(True))
        return source

    monkeypatch.setattr("spikerain_edge.commands.frames.open_source", opened)
    ended = export("--data", str(tmp_path))
    assert closed == [True]
    assert (ended, len(compared)) == ((2, 0) if live else (0, 1))
    if live:
        assert "is a camera; name a folder of images with --data" in capsys.readouterr().err
