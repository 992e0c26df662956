from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from stream_parts import shade

from spikerain_edge.stream.sinks import write_image
from spikerain_edge.stream.stills import ImageSource


@pytest.fixture
def shades(tmp_path: Path) -> ImageSource:
    folder = tmp_path / "album"
    folder.mkdir()
    for number in range(40):
        write_image(folder / f"{number:02d}.png", shade(number))
    return ImageSource(sorted(folder.iterdir()))


@pytest.fixture(scope="session")
def ffmpeg() -> Callable[..., None]:
    """Runs FFmpeg's own tool; skips where it is absent."""
    tool = shutil.which("ffmpeg")

    def run(*arguments: str | Path) -> None:
        if tool is None:
            pytest.skip("ffmpeg is not installed here")
        subprocess.run([tool, "-v", "error", "-y", *arguments], check=True)

    return run
