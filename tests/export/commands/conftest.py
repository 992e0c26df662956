from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from spikerain_edge.cli import app
from spikerain_edge.images import Image
from spikerain_edge.stream.image_sinks import write_image

Draw = Callable[..., Image]
Done = subprocess.CompletedProcess[str]
Export = Callable[..., Done]


@pytest.fixture
def export(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    picture: Draw,
) -> Export:
    """Runs the command in a temporary folder, on two pairs of small images."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "spikerain_export.commands.work.sizes_for", lambda imgsz: [(64, 64), imgsz or (48, 64)]
    )
    # Clean and rainy images are unrelated: a small image close to its clean one fails the gate.
    for seed, folder in enumerate(("rain", "norain")):
        (tmp_path / "pairs" / folder).mkdir(parents=True)
        for number in (1, 2):
            image = picture(10 * number + seed, 64, 96)
            write_image(tmp_path / "pairs" / folder / f"{number}.png", image)

    def run(*arguments: str) -> Done:
        with pytest.raises(SystemExit) as ended:
            app(["export", *arguments, *(() if "--data" in arguments else ("--data", "pairs"))])
        out, err = capfd.readouterr()
        assert isinstance(ended.value.code or 0, int)
        return Done(arguments, int(ended.value.code or 0), out, err)

    return run
