from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from spikerain_edge.cli import app
from spikerain_edge.images import Image
from spikerain_edge.inference import Derainer


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keeps what programs and tests cache out of the user's folder."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="session", autouse=True)
def usual_backend() -> Iterator[None]:
    """Runs commands with ONNX Runtime where a test names no back end, as programs do."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SPIKERAIN_BACKEND", "cpu")
        yield


@pytest.fixture(scope="session")
def derainer() -> Iterator[Derainer]:
    with Derainer.load("nano", threads=1, probe=True) as loaded:
        yield loaded


@pytest.fixture(scope="session")
def picture() -> Callable[..., Image]:
    """Draws smooth random pictures, one for each seed and size."""

    def draw(seed: int = 0, height: int = 48, width: int = 64) -> Image:
        noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
        return np.asarray(cv2.GaussianBlur(noise, (0, 0), 2), np.uint8)

    return draw


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """A folder of three smooth pictures of 72x56 pixels."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(3):
        coarse = rng.normal(110, 45, (5, 6, 3))
        image = cv2.resize(coarse, (72, 56), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / f"{number}.png"), np.clip(image, 0, 255).astype(np.uint8))
    return folder


@pytest.fixture
def pairs(photographs: Path, tmp_path: Path) -> Path:
    """A folder of rainy and clean pairs, in which the rainy picture is a brighter one."""
    folder = tmp_path / "pairs"
    shutil.copytree(photographs, folder / "target")
    (folder / "input").mkdir()
    for path in photographs.iterdir():
        image = cv2.imread(str(path))
        assert image is not None
        brighter = cv2.add(image, np.full((56, 72, 3), 40, np.uint8))
        cv2.imwrite(str(folder / "input" / path.name), brighter)
    return folder


@pytest.fixture(scope="session")
def make_video(picture: Callable[..., Image]) -> Callable[..., Path]:
    """Writes a video with OpenCV."""

    def make(path: Path, frames: int, rate: float = 25.0) -> Path:
        codec = cv2.VideoWriter.fourcc(*("MJPG" if path.suffix == ".avi" else "mp4v"))
        writer = cv2.VideoWriter(str(path), codec, rate, (64, 48))
        for index in range(frames):
            writer.write(picture(index % 16))
        writer.release()
        return path

    return make


@pytest.fixture(scope="session")
def read_video() -> Callable[[Path], list[Image]]:
    """Reads the frames of a video with OpenCV."""

    def read(path: Path) -> list[Image]:
        capture = cv2.VideoCapture(str(path))
        frames = []
        while True:
            found, image = capture.read()
            if not found:
                break
            frames.append(np.asarray(image, np.uint8))
        capture.release()
        return frames

    return read


@pytest.fixture(scope="session")
def ffprobe() -> Callable[[Path], dict[str, str]]:
    """Describes the video stream of a file with ffprobe, or skips if it is not installed."""
    tool = shutil.which("ffprobe")

    def probe(path: Path) -> dict[str, str]:
        if tool is None:
            pytest.skip("ffprobe is not installed")
        entries = "stream=nb_read_frames,r_frame_rate,width,height"
        command = [tool, "-v", "error", "-select_streams", "v:0", "-count_frames"]
        listed = subprocess.run(
            [*command, "-show_entries", entries, "-of", "default=noprint_wrappers=1", path],
            capture_output=True,
            text=True,
            check=True,
        )
        return dict(line.split("=") for line in listed.stdout.split())

    return probe


@pytest.fixture(scope="session")
def files() -> Callable[[Path], list[str]]:
    """Lists everything below a folder, including hidden files."""
    return lambda folder: sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.fixture
def spikerain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `spikerain-edge run` in this process, in an empty folder and on one thread.

    It also captures the output that libraries write directly to file descriptors.
    """
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        with pytest.raises(SystemExit) as ended:
            app(["run", "--threads", "1", *arguments])
        captured = capfd.readouterr()
        code = ended.value.code or 0
        assert isinstance(code, int)
        return subprocess.CompletedProcess(arguments, code, captured.out, captured.err)

    return run


@pytest.fixture
def program(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the installed program in a new process and an empty folder."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [Path(sys.executable).with_name("spikerain-edge"), *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    return run
