from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from stream_parts import shade

from spikerain_edge.stream.image_sinks import write_image
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


@pytest.fixture(scope="session")
def stream_entry() -> Callable[[Path, str], str]:
    """An entry of the video stream of a file, by FFmpeg's own tool; skips where it is absent."""
    return lambda path, entry: _probe(path, f"stream={entry}")[0]


@pytest.fixture(scope="session")
def frame_times() -> Callable[[Path], list[float]]:
    """When the frames of a video are shown in seconds, by FFmpeg's own tool."""
    return lambda path: [float(line) for line in _probe(path, "frame=pts_time")]


def _probe(path: Path, entries: str) -> list[str]:
    tool = shutil.which("ffprobe")
    if tool is None:
        pytest.skip("ffprobe is not installed here")
    command = [tool, "-v", "error", "-select_streams", "v:0", "-show_entries", entries]
    listed = subprocess.run(
        [*command, "-of", "default=noprint_wrappers=1:nokey=1", path],
        capture_output=True,
        text=True,
        check=True,
    )
    return listed.stdout.split()
