from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import onnx
import pytest

from spikerain_edge.images import Image
from spikerain_edge.models import find_model
from spikerain_edge.stream.image_sinks import write_image

pytestmark = pytest.mark.slow

Draw = Callable[..., Image]
ReadVideo = Callable[[Path], list[Image]]
Files = Callable[[Path], list[str]]
Run = Callable[..., subprocess.CompletedProcess[str]]
PROGRAM = Path(sys.executable).with_name("spikerain-edge")


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


def spoil(folder: Path, image: Image) -> None:
    """Fills a folder with good, damaged and foreign files."""
    graph, probe = find_model("nano").graph, find_model("nano").probe
    assert probe is not None
    content = graph.read()
    model = onnx.load_model_from_string(content)
    weight = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data)).raw_data
    changed = bytearray(content)
    changed[content.index(weight) + len(weight) // 2] ^= 0x01
    (folder / "mine.onnx").write_bytes(content)
    (folder / "mine.probe.onnx").write_bytes(probe.read())
    (folder / "changed.onnx").write_bytes(changed)
    (folder / "corrupt.onnx").write_bytes(content[: len(content) // 2])
    del model.metadata_props[:]
    (folder / "foreign.onnx").write_bytes(model.SerializeToString())

    png = cv2.imencode(".png", image)[1].tobytes()
    jpg = cv2.imencode(".jpg", image)[1].tobytes()
    (folder / "cut.png").write_bytes(png[: len(png) // 2])
    (folder / "cut.jpg").write_bytes(jpg[: len(jpg) // 2])
    (folder / "text.png").write_text("no image")
    (folder / "text.mp4").write_text("no video")
    (folder / "empty.mp4").touch()
    (folder / "good.png").write_bytes(png)
    write_image(folder / "tiny.png", image[:1, :1])
    (folder / "no images").mkdir()
    (folder / "run").mkdir()
    (folder / "run" / "weights.safetensors").touch()
    (folder / "album").mkdir()
    for number in range(2):
        write_image(folder / "album" / f"{number}.png", image)
    write_image(folder / "album" / "2.png", image[:20, :30])


@pytest.mark.parametrize(
    ("code", "arguments", "said"),
    [
        (2, "--camera|nowhere.png|--output|out/", "nowhere.png"),
        (2, "--camera||--output|out/", "'' does not exist"),
        (2, "--camera|cut.png|--output|out/", "cut.png"),
        (2, "--camera|cut.jpg|--output|out.mp4", "cut.jpg"),
        (2, "--camera|text.png|--output|out/", "text.png"),
        (2, "--camera|text.mp4|--output|out/", "text.mp4"),
        (2, "--camera|empty.mp4|--output|out.mp4", "empty.mp4"),
        (2, "--camera|no images|--output|out/", "no images"),
        (2, "--camera|*.gif|--output|out/", "*.gif"),
        (2, "--camera|tiny.png|--output|out/", "tiny.png: the image is 1x1"),
        (2, "--camera|good.png|--output|out.xyz", "out.xyz"),
        (2, "--camera|good.png|--output|", "''"),
        (2, "--camera|good.png|--output|good.png", "good.png is the input"),
        (2, "--camera|good.png|--output|.", ". is the input"),
        (2, "--camera|album|--output|album/%d.png", "album/%d.png is the input"),
        (2, "--camera|album|--output|out/|--output|out", "out is named twice"),
        (2, "--camera|album|--output|one.png", "one.png can hold one frame only"),
        (2, "--camera|demo|--output|one.png", "one.png can hold one frame only"),
        (2, "--camera|album|--output|%d_%d.png", "%d_%d.png has 2 fields"),
        (2, "--camera|good.png|--output|out/|--model|run", "export run --output run.onnx"),
        (2, "--camera|good.png|--json|good.png", "good.png is read"),
        (2, "--camera|good.png|--output|c.png|--json|./c.png", "c.png is named twice"),
        (2, "--camera|good.png|--json|mine.onnx|--model|mine.onnx", "mine.onnx is read"),
        (2, "--camera|good.png|--json|mine.probe.onnx|--model|mine.onnx", "is read"),
        (2, "--camera|good.png|--output|out/|--backend|abacus", "'abacus' is not available"),
        (2, "--camera|good.png|--output|out/|--imgsz|x64", "'x64' is not a valid image size"),
        (2, "--camera|good.png|--output|out/|--size|0x0", "'0x0' is not a valid image size"),
        (
            2,
            "--camera|good.png|--output|out/|--size|64x48x3",
            "'64x48x3' is not a valid image size",
        ),
        (2, "--camera|good.png|--output|out/|--size|-64x48", "'-64x48' is not a valid image size"),
        (2, "--camera|good.png|--output|out/|--model|pico", "no model 'pico'"),
        (2, "--camera|good.png|--output|out/|--json|no images", "no images"),
        (2, "--camera|good.png|--output|out/|--json|nowhere/x.json", "nowhere/x.json"),
        (3, "--camera|/dev/video99|--output|out.mp4", "/dev/video99"),
        (3, "--camera|99|--output|out.mp4", "camera 99"),
        (3, "--camera|rtsp://me:s3cret@127.0.0.1:9/x|--output|out/", "rtsp://127.0.0.1:9/x"),
        (3, "--camera|good.png|--output|good.png/out/", "good.png/out"),
        (3, "--camera|good.png|--output|/proc/xyz/", "/proc/xyz"),
        (4, "--camera|good.png|--output|out/|--model|corrupt.onnx", "corrupt.onnx"),
        (4, "--camera|good.png|--output|out/|--model|text.mp4", "text.mp4"),
        (4, "--camera|good.png|--output|out/|--model|foreign.onnx", "not a SpikeRain model"),
        (4, "--camera|good.png|--output|out/|--model|changed.onnx", "SHA-256"),
    ],
)
def test_a_refused_run_reports_one_line_and_writes_nothing(
    spikerain: Run,
    tmp_path: Path,
    picture: Draw,
    files: Files,
    code: int,
    arguments: str,
    said: str,
) -> None:
    spoil(tmp_path, picture())
    before = files(tmp_path)

    ended = spikerain(*arguments.split("|"))

    assert ended.returncode == code, ended.stderr
    (line,) = lines(ended.stderr)
    assert line.startswith("spikerain-edge: ")
    assert said in line
    assert "s3cret" not in line
    assert ended.stdout == ""
    assert files(tmp_path) == before


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        (2, ["--camera", "cut.png", "--output", "out.mp4"]),
        (3, ["--camera", "99", "--output", "out.mp4"]),
        (4, ["--camera", "good.png", "--output", "out/", "--model", "changed.onnx"]),
    ],
)
def test_the_installed_program_reports_one_line_too(
    program: Run, tmp_path: Path, picture: Draw, files: Files, code: int, arguments: list[str]
) -> None:
    spoil(tmp_path, picture())
    before = files(tmp_path)
    ended = program("run", *arguments)
    assert ended.returncode == code
    assert len(lines(ended.stderr)) == 1, ended.stderr
    assert ended.stdout == ""
    assert files(tmp_path) == before


def test_frames_before_a_broken_one_are_kept(
    spikerain: Run, tmp_path: Path, picture: Draw, read_video: ReadVideo, files: Files
) -> None:
    spoil(tmp_path, picture())
    ended = spikerain("--camera", "album", "--output", "out/out.mp4")
    assert ended.returncode == 2
    assert "2, 0 dropped" in ended.stderr
    assert "written  " in ended.stderr
    assert lines(ended.stderr)[-1:] == [
        "spikerain-edge: album/2.png is 30x20, the video is 64x48; "
        "give one size with --imgsz WxH, or write into a folder"
    ]
    assert files(tmp_path / "out") == ["out.mp4"]
    assert len(read_video(tmp_path / "out" / "out.mp4")) == 2


def test_debug_shows_the_traceback_of_an_error(spikerain: Run) -> None:
    ended = spikerain("--camera", "nowhere.png", "--debug")
    assert ended.returncode == 2
    assert "Traceback" in ended.stderr
    assert "nowhere.png" in lines(ended.stderr)[-1]


@pytest.mark.parametrize(
    "arguments",
    [[], ["--camera"], ["--camera", "demo", "--max-frames", "0"], ["--camera", "demo", "--what"]],
)
def test_wrong_usage_exits_with_2(spikerain: Run, arguments: list[str]) -> None:
    ended = spikerain(*arguments)
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr


def test_a_failed_run_writes_its_summary_with_the_cause(
    spikerain: Run, tmp_path: Path, picture: Draw
) -> None:
    spoil(tmp_path, picture())
    arguments = ("--camera", "album", "--output", "out.mp4", "--json")
    printed = spikerain(*arguments, "-")
    assert spikerain(*arguments, "out.json").returncode == printed.returncode == 2
    for summary in (json.loads(printed.stdout), json.loads((tmp_path / "out.json").read_text())):
        assert summary["error"] == "album/2.png is 30x20, the video is 64x48"
        assert summary["frames"] == 2


def test_a_run_that_fails_before_its_first_frame_prints_a_summary(
    spikerain: Run, tmp_path: Path, picture: Draw
) -> None:
    spoil(tmp_path, picture())
    ended = spikerain("--camera", "cut.png", "--json", "-")
    assert ended.returncode == 2
    summary = json.loads(ended.stdout)
    assert summary["frames"] == 0
    assert "cut.png" in summary["error"]
    assert len(lines(ended.stderr)) == 1


def in_shell(folder: Path, image: Image, rest: str) -> subprocess.CompletedProcess[str]:
    write_image(folder / "in.png", image)
    command = f"'{PROGRAM}' run --camera in.png --threads 1 {rest}"
    return subprocess.run(
        ["/bin/bash", "-c", command],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.mark.parametrize(
    ("redirected", "said"), [("> /dev/full", "No space left"), (">&-", "closed")]
)
def test_a_summary_that_cannot_be_printed_is_reported_in_one_line(
    tmp_path: Path, picture: Draw, redirected: str, said: str
) -> None:
    ended = in_shell(tmp_path, picture(), f"--json - {redirected}")
    assert ended.returncode == 3, ended.stderr
    assert "Traceback" not in ended.stderr
    assert said in lines(ended.stderr)[-1]
    assert lines(ended.stderr)[-1].startswith("spikerain-edge: ")


def test_a_reader_that_ends_early_is_not_reported(tmp_path: Path, picture: Draw) -> None:
    ended = in_shell(tmp_path, picture(), "--json - | true; exit ${PIPESTATUS[0]}")
    assert ended.returncode == 3, ended.stderr
    assert "spikerain-edge: " not in ended.stderr
    assert "BrokenPipe" not in ended.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
@pytest.mark.parametrize("command", ["", "run"])
def test_help_that_cannot_be_written_is_told_in_one_line(command: str) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [PROGRAM, *command.split(), "--help"], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert ended.returncode == 3
    (line,) = lines(ended.stderr)
    assert "No space left on device; free some disk space" in line


def test_the_summary_of_a_run_names_its_output_though_an_image_was_unusable(
    tmp_path: Path, picture: Draw
) -> None:
    photos = tmp_path / "my photos"
    photos.mkdir()
    write_image(photos / "good.png", picture())
    (photos / "bad.png").write_bytes(b"")
    ended = subprocess.run(
        [PROGRAM, "run", "--camera", photos, "--output", "clean/", "--output", "null"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "80"},
    )
    assert ended.returncode == 2
    rows = {line.split("│")[1].strip() for line in ended.stderr.splitlines() if "│" in line}
    assert {"written", "inference, ms, p50/90/95/99"} <= rows
    assert (tmp_path / "clean" / "good.png").exists()
