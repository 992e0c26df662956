from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np
import pytest
from terminal import default_signals

from spikerain_edge.errors import InputError
from spikerain_edge.images import Image
from spikerain_edge.images.reading import read_image
from spikerain_edge.inference import Derainer
from spikerain_edge.models import find_model
from spikerain_edge.stream.image_sinks import write_image

Draw = Callable[..., Image]
ReadVideo = Callable[[Path], list[Image]]
Files = Callable[[Path], list[str]]
PROGRAM = Path(sys.executable).with_name("spikerain-edge")
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def album(tmp_path: Path, picture: Draw) -> Path:
    for number in range(3):
        (tmp_path / "in").mkdir(exist_ok=True)
        write_image(tmp_path / "in" / f"rainy day {number}.png", picture(number))
    return tmp_path / "in"


@pytest.mark.slow
def test_the_demo_is_written_as_a_video_and_only_the_summary_goes_to_stdout(
    program: Run, tmp_path: Path, read_video: ReadVideo, files: Files
) -> None:
    demo = ["run", "--camera", "demo", "--max-frames", "3", "--imgsz", "64x48", "--threads", "1"]
    ended = program(*demo, "--output", "out.mp4", "--json", "-")

    assert ended.returncode == 0, ended.stderr
    summary = json.loads(ended.stdout)
    assert summary["frames"] == 3
    assert summary["dropped"] == 0
    assert summary["fps"] > 0
    assert summary["seconds"] > 0
    for times in ("latency_ms", "end_to_end_ms"):
        assert list(summary[times]) == ["p50", "p90", "p95", "p99"]
        assert 0 < summary[times]["p50"] <= summary[times]["p99"]
    assert summary["model"] == "nano-video"
    assert summary["error"] is None
    assert summary["options"]["backend"] == "cpu"
    assert "onnxruntime" in summary["backend"]
    assert 0 < summary["gsops_per_frame"] < summary["gmacs_per_frame"]
    assert 0 < summary["firing_rate"] < 1
    assert summary["energy_mj_per_frame"] > 0
    assert "out.mp4" in ended.stderr
    assert files(tmp_path) == ["out.mp4"]
    assert [frame.shape for frame in read_video(tmp_path / "out.mp4")] == [(48, 64, 3)] * 3


def test_a_folder_is_derained_to_a_folder_with_the_same_names(
    spikerain: Run, tmp_path: Path, album: Path, picture: Draw, derainer: Derainer, files: Files
) -> None:
    ended = spikerain("--camera", "in", "--output", "out/", "--json", "summary.json")

    assert (ended.returncode, ended.stdout) == (0, ""), ended.stderr
    assert files(tmp_path / "out") == files(album)
    for number in range(3):
        written = read_image(tmp_path / "out" / f"rainy day {number}.png")
        np.testing.assert_array_equal(written, derainer(picture(number)))
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["frames"] == 3
    assert summary["options"]["camera"] == "in"
    assert summary["options"]["outputs"] == ["out/"]


def test_a_video_keeps_its_frame_count_rate_and_size(
    spikerain: Run,
    tmp_path: Path,
    make_video: Callable[..., Path],
    ffprobe: Callable[[Path], dict[str, str]],
) -> None:
    make_video(tmp_path / "in.mp4", 11, 15.0)
    assert spikerain("--camera", "in.mp4", "--output", "out.mp4").returncode == 0
    assert ffprobe(tmp_path / "out.mp4") == ffprobe(tmp_path / "in.mp4")


def test_side_by_side_doubles_the_width(
    spikerain: Run, tmp_path: Path, album: Path, picture: Draw, derainer: Derainer
) -> None:
    image = picture(0)
    ended = spikerain("--camera", "in/rainy day 0.png", "--output", "both.png", "--side-by-side")
    assert ended.returncode == 0, ended.stderr
    both = read_image(tmp_path / "both.png")
    np.testing.assert_array_equal(both, np.hstack([image, derainer(image)]))


@pytest.mark.slow
def test_several_outputs_are_written_at_once(
    spikerain: Run, tmp_path: Path, album: Path, read_video: ReadVideo, files: Files
) -> None:
    outputs = ["--output", "out.avi", "--output", "img_%04d.bmp", "--output", "out"]
    assert spikerain("--camera", "in/*.png", *outputs, "--max-frames", "2").returncode == 0
    assert len(read_video(tmp_path / "out.avi")) == 2
    assert files(tmp_path / "out") == ["rainy day 0.png", "rainy day 1.png"]
    assert {"img_0000.bmp", "img_0001.bmp"} < set(files(tmp_path))
    assert "img_0002.bmp" not in files(tmp_path)


@pytest.mark.slow
def test_without_an_output_it_only_measures(
    spikerain: Run, tmp_path: Path, album: Path, files: Files
) -> None:
    before = files(tmp_path)
    ended = spikerain("--camera", "in", "--json", "-", "--size", "32x32")
    assert ended.returncode == 0
    assert json.loads(ended.stdout)["frames"] == 3
    assert files(tmp_path) == before


@pytest.mark.slow
def test_file_names_may_look_like_markup(spikerain: Run, tmp_path: Path, album: Path) -> None:
    ended = spikerain("--camera", "in/rainy day 0.png", "--output", "[/red].png")
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "[" / "red].png").is_file()
    assert "[/red].png" in ended.stderr


@pytest.mark.slow
def test_a_grey_image_of_odd_size_is_accepted(spikerain: Run, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((37, 53), 99, np.uint8))
    assert spikerain("--camera", "grey.png", "--output", "out.png").returncode == 0
    assert read_image(tmp_path / "out.png").shape == (37, 53, 3)


def test_spikes_are_unknown_without_a_probe_graph(
    spikerain: Run, tmp_path: Path, album: Path
) -> None:
    (tmp_path / "mine.onnx").write_bytes(find_model("nano").graph.read())
    ended = spikerain("--camera", "in", "--model", "mine.onnx", "--json", "-")
    assert ended.returncode == 0, ended.stderr
    summary = json.loads(ended.stdout)
    assert summary["gmacs_per_frame"] > 0
    assert summary["gsops_per_frame"] is None
    assert summary["energy_mj_per_frame"] is None
    assert "unknown" in ended.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
    ids=["Ctrl-C", "SIGTERM", "terminal closed"],
)
def test_a_stopped_run_completes_its_files(
    tmp_path: Path,
    make_video: Callable[..., Path],
    read_video: ReadVideo,
    files: Files,
    number: signal.Signals,
    code: int,
) -> None:
    make_video(tmp_path / "in.mp4", 3000)
    outputs = ["--output", "out.mp4", "--output", "out"]
    running = subprocess.Popen(
        [PROGRAM, "run", "--camera", "in.mp4", *outputs, "--threads", "1", "--json", "-"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=default_signals,
    )
    try:
        while running.poll() is None and not (tmp_path / "out" / "frame_000002.png").exists():
            time.sleep(0.02)
        running.send_signal(number)
        out, err = running.communicate(timeout=120)
    finally:
        running.kill()

    assert running.returncode == code, err
    assert "Traceback" not in err
    frames = json.loads(out)["frames"]
    assert 3 <= frames < 3000
    assert len(read_video(tmp_path / "out.mp4")) == frames
    assert len(files(tmp_path / "out")) == frames
    assert files(tmp_path) == sorted(
        ["in.mp4", "out.mp4", "out", *(f"out/{name}" for name in files(tmp_path / "out"))]
    )


@pytest.mark.slow
def test_a_picture_that_is_too_large_for_memory_is_skipped(
    tmp_path: Path, picture: Draw, files: Files
) -> None:
    (tmp_path / "in").mkdir()
    for name in "ac":
        write_image(tmp_path / "in" / f"{name}.png", picture())
    write_image(tmp_path / "in" / "b.png", np.zeros((4000, 6000, 3), np.uint8))
    limited = "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (2_500_000_000,) * 2);"
    program = f"{limited} from spikerain_edge.cli import main; main()"
    command = ["run", "--camera", "in", "--output", "out/", "--threads", "1"]
    ended = subprocess.run(
        [sys.executable, "-c", program, *command], cwd=tmp_path, capture_output=True, text=True
    )
    assert ended.returncode == 5, ended.stderr
    assert "b.png: not enough memory for an image of 6000x4000" in ended.stderr
    assert files(tmp_path / "out") == ["a.png", "c.png"]


def test_the_backend_is_the_short_name_of_a_provider(
    spikerain: Run, album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def load(model: str, *, provider: str, spin: bool, **options: object) -> Derainer:
        assert not spin
        asked.append(provider)
        raise InputError("enough", "")

    monkeypatch.setattr(Derainer, "load", load)
    monkeypatch.setattr(
        "onnxruntime.get_available_providers", lambda: ["CUDAExecutionProvider", "CPU"]
    )
    assert spikerain("--camera", "in", "--backend", "CUDA").returncode == 2
    assert asked == ["CUDAExecutionProvider"]


@pytest.mark.slow
def test_auto_is_the_default_and_the_summary_says_what_it_chose(
    spikerain: Run, album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SPIKERAIN_BACKEND")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    ended = spikerain("--camera", "in", "--max-frames", "1", "--threads", "1", "--json", "-")
    assert ended.returncode == 0, ended.stderr
    summary = json.loads(ended.stdout)
    assert summary["options"]["backend"] == "auto"
    assert summary["backend"].startswith("openvino ")


def test_the_version_is_printed(program: Run) -> None:
    assert program("--version").stdout == f"spikerain-edge {version('spikerain-edge')}\n"


def test_every_exit_code_is_in_the_help(program: Run) -> None:
    shown = " ".join(program("--help").stdout.split())
    assert all(code in shown for code in ("0 done", "129 terminal", "130 stopped", "143 stopped"))


@pytest.mark.slow
def test_the_device_needs_neither_torch_nor_onnx() -> None:
    program = (
        "import sys, spikerain_edge, spikerain_edge.cli, spikerain_edge.session;"
        "found = {'torch', 'onnx', 'safetensors'} & set(sys.modules);"
        "sys.exit(str(found) if found else 0)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.slow
def test_run_does_not_import_modules_that_only_reports_need() -> None:
    program = (
        "import sys, spikerain_edge.commands.run, spikerain_edge.session;"
        "sys.exit('jinja2' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
