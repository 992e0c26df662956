from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from stream_parts import Camera, Recorder
from video_graph import video_file

from spikerain_edge import run_options
from spikerain_edge.gate import Gate
from spikerain_edge.images import Image
from spikerain_edge.stream.memory import SourceMemory
from spikerain_edge.stream.pipeline import Pipeline
from spikerain_edge.stream.sources import open_source

Run = Callable[..., subprocess.CompletedProcess[str]]
SIZE = (64, 48)


def view(scene: int, number: int) -> Image:
    """A frame of a scene with large bright and dark parts, which moves a little."""
    coarse = np.random.default_rng(scene).integers(20, 236, (4, 5, 3), np.uint8)
    image = cv2.resize(coarse, SIZE, interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.roll(image, number, axis=1), np.uint8)


@pytest.fixture
def model(tmp_path: Path) -> str:
    (tmp_path / "darker.onnx").write_bytes(video_file())
    (tmp_path / "darker.probe.onnx").write_bytes(video_file(probe=True))
    return "darker.onnx"


def test_the_previous_frame_is_the_one_captured_before_even_if_it_was_dropped() -> None:
    seen: list[tuple[Image, Image | None]] = []
    camera = Camera(12)

    def slow(image: Image, previous: Image | None = None) -> Image:
        if not seen:
            assert camera.ended.wait(60)
        seen.append((image, previous))
        return image

    traffic = Pipeline(camera, slow, [Recorder()], remember=SourceMemory(camera)).run()

    assert traffic.dropped > 0
    for image, previous in seen[1:]:
        assert previous is not None
        np.testing.assert_array_equal(image, previous + 1)


def test_image_files_are_pictures_of_their_own(photographs: Path) -> None:
    source = open_source(str(photographs))
    memory = SourceMemory(source)
    assert [memory(frame).previous for frame in source] == [None] * 3
    assert not any(memory.restarts.values())


def test_an_animation_is_a_video(tmp_path: Path) -> None:
    frames = [cv2.cvtColor(view(1, number), cv2.COLOR_BGR2BGRA) for number in range(3)]
    animation = cv2.Animation()
    animation.frames, animation.durations = frames, [40] * 3
    for name in ("a.png", "b.png"):
        cv2.imwriteanimation(str(tmp_path / name), animation)
    source = open_source(str(tmp_path))
    memory = SourceMemory(source)
    previous = [memory(frame).previous for frame in source]
    assert [each is None for each in previous] == [True, False, False] * 2


def test_a_run_counts_why_it_started_anew(spikerain: Run, tmp_path: Path, model: str) -> None:
    writer = cv2.VideoWriter(str(tmp_path / "in.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 25, SIZE)
    for number in range(8):
        writer.write(view(number // 4 + 1, number))
    writer.release()

    ended = spikerain("--camera", "in.avi", "--model", model, "--json", "summary.json")

    assert ended.returncode == 0, ended.stderr
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["frames"] == 8
    assert summary["restarts"] == {"cut": 1, "size": 0, "outage": 0, "gap": 0}
    assert summary["cameras"][0]["restarts"] == summary["restarts"]
    assert "frames without a previous one" in ended.stderr + ended.stdout
    assert "1 after a cut" in ended.stderr + ended.stdout


def test_a_run_over_image_files_says_that_they_are_still_pictures(
    spikerain: Run, photographs: Path, model: str, tmp_path: Path
) -> None:
    ended = spikerain(
        "--camera", "photographs", "--model", model, "--output", "out/", "--json", "-"
    )

    assert ended.returncode == 0, ended.stderr
    said = "darker is a video model: it derains each image file as a still picture"
    assert ended.stderr.count(said) == 1
    assert not any(json.loads(ended.stdout)["restarts"].values())
    for path in photographs.iterdir():
        np.testing.assert_array_equal(
            cv2.imread(str(tmp_path / "out" / path.name)), cv2.imread(str(path))
        )


def test_a_model_for_single_images_has_no_restarts(spikerain: Run, photographs: Path) -> None:
    ended = spikerain("--camera", str(photographs), "--json", "-", "--max-frames", "1")
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["restarts"] is None


def test_the_rain_gate_tests_frames_of_a_video_model_with_another_network() -> None:
    parts: list[Image] = []

    def derain(image: Image, previous: Image | None = None, /) -> Image:
        assert previous is not None or number == 0
        return image - 1

    def derain_part(image: Image, previous: Image | None = None, /) -> Image:
        assert previous is None
        parts.append(image)
        return image

    gate, previous = Gate(derain, derain_part, apart=True), None
    still = view(1, 0)
    for number in range(1000):
        frame = still.copy()
        frame[0, 0] = number % 200
        gate(frame, number / 25, previous=previous)
        previous = frame
        # Before it is known to be dry, too.
        assert number < 50 or len(parts) > 2

    assert gate.report.bypassed > 0


@pytest.mark.parametrize(
    ("cameras", "video"),
    [
        (["demo"], True),
        (["0"], True),
        (["rtsp://camera/stream", "clip.mp4"], True),
        (["photographs"], False),
        (["photographs/*.png"], False),
        (["photographs/0.png"], False),
        (["clip.mp4", "photographs"], False),
        (["absent.mp4"], False),
    ],
)
def test_the_usual_model_for_video_is_used_if_all_cameras_send_video(
    cameras: list[str],
    video: bool,
    photographs: Path,
    make_video: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(photographs.parent)
    monkeypatch.setattr(run_options, "VIDEO_MODEL", "of-video")
    make_video(Path("clip.mp4"), 2)
    assert run_options.usual_model(cameras) == ("of-video" if video else "nano")
