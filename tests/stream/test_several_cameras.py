"""Several cameras share one engine."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from spikerain_edge.images import Image
from spikerain_edge.images.reading import read_image
from spikerain_edge.stream.image_sinks import write_image

Run = Callable[..., subprocess.CompletedProcess[str]]
Files = Callable[[Path], list[str]]
TWO = ("--camera", "demo", "--camera", "demo", "--imgsz", "32", "--max-frames", "3")


def test_each_camera_has_its_own_outputs_and_its_own_part_of_the_summary(
    spikerain: Run, tmp_path: Path, files: Files
) -> None:
    outputs = ("--output", "c{camera}.mp4", "--output", "f/{camera}/", "--output", "null")
    ended = spikerain(*TWO, *outputs, "--json", "-")

    assert ended.returncode == 0, ended.stderr
    pictures = [f"frame_{number:06d}.png" for number in range(3)]
    folders = [f"f/{camera}/{picture}" for camera in range(2) for picture in pictures]
    assert files(tmp_path) == sorted(["c0.mp4", "c1.mp4", "f", "f/0", "f/1", *folders])
    summary = json.loads(ended.stdout)
    assert summary["frames"] == 6
    assert [each["frames"] for each in summary["cameras"]] == [3, 3]
    for number, each in enumerate(summary["cameras"]):
        assert [sink["output"] for sink in each["outputs"]] == [
            f"c{number}.mp4",
            f"f/{number}",
            "null",
        ]
        assert set(each) - {"camera"} <= set(summary)
        assert each["firing_rate"] == summary["firing_rate"]
    assert summary["outputs"] == [sink for each in summary["cameras"] for sink in each["outputs"]]
    assert summary["options"]["cameras"] == ["demo", "demo"]


@pytest.mark.slow
def test_cameras_may_have_different_sizes(
    spikerain: Run, tmp_path: Path, picture: Callable[..., Image]
) -> None:
    write_image(tmp_path / "a.png", picture(0, 48, 64))
    write_image(tmp_path / "b.png", picture(1, 64, 32))
    sources = ("--camera", "a.png", "--camera", "b.png")
    ended = spikerain(*sources, "--output", "c{camera}.png", "--side-by-side")
    assert ended.returncode == 0, ended.stderr
    assert read_image(tmp_path / "c0.png").shape == (48, 128, 3)
    assert read_image(tmp_path / "c1.png").shape == (64, 64, 3)


@pytest.mark.slow
def test_the_summary_of_one_camera_lists_it_too(spikerain: Run) -> None:
    ended = spikerain(*TWO[2:], "--json", "-")
    summary = json.loads(ended.stdout)
    (camera,) = summary["cameras"]
    assert camera.pop("camera") == summary["options"]["camera"] == "demo"
    assert camera.items() <= summary.items()


@pytest.mark.parametrize(
    ("output", "typed"),
    [
        ("clean.mp4", "clean_{camera}.mp4"),
        ("out/img_%04d.png", "out/img_%04d_{camera}.png"),
        ("out/", "out/{camera}/"),
        ("out", "out/{camera}/"),
        ("/dev/video9", "/dev/video9{camera}"),
        ("rtsp://me:secret@server/path", "rtsp://server/path{camera}"),
    ],
)
def test_an_output_that_cameras_cannot_share_is_refused_with_what_to_type(
    spikerain: Run, tmp_path: Path, files: Files, output: str, typed: str
) -> None:
    ended = spikerain(*TWO, "--output", output)
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[-1].endswith(f"; type --output {typed}")
    assert files(tmp_path) == []


def test_standard_output_takes_one_camera_only(spikerain: Run) -> None:
    ended = spikerain(*TWO, "--output", "-")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "standard output cannot take the frames of 2 cameras" in ended.stderr


def test_an_output_of_one_camera_must_not_replace_the_file_of_another(
    spikerain: Run, tmp_path: Path, make_video: Callable[..., Path]
) -> None:
    make_video(tmp_path / "a0.mp4", 3)
    make_video(tmp_path / "b.mp4", 3)
    before = (tmp_path / "a0.mp4").read_bytes()
    ended = spikerain("--camera", "b.mp4", "--camera", "a0.mp4", "--output", "a{camera}.mp4")
    assert ended.returncode == 2
    assert "a0.mp4 is the input" in ended.stderr
    assert (tmp_path / "a0.mp4").read_bytes() == before


def test_every_camera_that_is_absent_is_named(spikerain: Run) -> None:
    cameras = ("rtsp://127.0.0.1:9/a", "rtsp://127.0.0.1:9/b")
    ended = spikerain("--camera", cameras[0], "--camera", cameras[1], "--camera", "demo")
    assert ended.returncode == 3
    for camera in cameras:
        assert f"{camera} cannot be opened: connection refused" in ended.stderr


@pytest.mark.parametrize("camera", ["foo://gate/live", "rtsp://{NO_SUCH_SECRET}@gate/live"])
def test_mistakes_are_not_waited_for(spikerain: Run, camera: str) -> None:
    ended = spikerain("--camera", camera, "--camera", "demo", "--wait-for-camera")
    assert ended.returncode == 2
    assert re.search("unknown scheme foo://|{NO_SUCH_SECRET} in the name", ended.stderr)
