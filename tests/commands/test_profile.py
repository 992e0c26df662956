from __future__ import annotations

import errno
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest

from spikerain_edge.cli import app
from spikerain_edge.commands.frames import ScaledFrames
from spikerain_edge.commands.profile import write_files
from spikerain_edge.commands.variadic import repeat_options
from spikerain_edge.errors import InputError
from spikerain_edge.models import find_model
from spikerain_edge.profiling.document import Report
from spikerain_edge.stream.image_sinks import write_image
from spikerain_export.conversion import Request, convert
from spikerain_export.origin import open_origin

Draw = Callable[..., npt.NDArray[np.uint8]]
Profile = Callable[..., subprocess.CompletedProcess[str]]
SCHEMA = json.loads((Path(__file__).parents[2] / "docs/profile.schema.json").read_text())


@pytest.fixture
def profile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Profile:
    """Runs `spikerain-edge profile` in an empty folder, briefly and on one thread."""
    monkeypatch.chdir(tmp_path)
    brief = ("--threads", "1", "--warmup", "0", "--iterations", "2", "--no-power")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        with pytest.raises(SystemExit) as ended:
            app(["profile", *arguments, *brief])
        captured = capfd.readouterr()
        code = ended.value.code or 0
        assert isinstance(code, int)
        return subprocess.CompletedProcess(arguments, code, captured.out, captured.err)

    return run


@pytest.fixture
def album(tmp_path: Path, picture: Draw) -> Path:
    folder = tmp_path / "rainy"
    folder.mkdir()
    for number in range(3):
        write_image(folder / f"{number}.png", picture(number))
    return folder


@pytest.mark.slow
def test_only_the_report_goes_to_stdout(profile: Profile) -> None:
    ended = profile("--model", "nano", "--imgsz", "32", "64", "50x33", "--json", "-")
    assert ended.returncode == 0, ended.stderr
    report: dict[str, Any] = json.loads(ended.stdout)
    jsonschema_rs.validate(SCHEMA, report)
    assert [row["imgsz"] for row in report["rows"]] == [[32, 32], [64, 64], [33, 50]]
    assert report["settings"]["images"] == "demo"
    assert report["model"]["name"] == "nano"
    assert all(0 < row["firing_rate"] < 1 for row in report["rows"])
    assert "50x33 is padded to 56x40" in ended.stderr
    assert max(len(line) for line in ended.stderr.splitlines()) <= 100


@pytest.mark.slow
def test_images_of_the_user_are_measured_and_every_kind_of_report_is_written(
    profile: Profile, tmp_path: Path, album: Path
) -> None:
    files = ("--json", "out.json", "--csv", "out.csv", "--html", "out.html")
    ended = profile("--imgsz=32", "--images", str(album), "--table1", "--per-layer", *files)
    assert ended.returncode == 0, ended.stderr
    assert max(len(line) for line in ended.stdout.splitlines()) <= 100
    assert "encoder1.0.merge" in ended.stdout
    report = json.loads((tmp_path / "out.json").read_text())
    jsonschema_rs.validate(SCHEMA, report)
    assert report["settings"]["frames"] == 3
    assert report["settings"]["images"] == str(album)
    assert f"Measured on all 3 images of {album}." in report["notes"]
    assert (tmp_path / "out.csv").read_text().count("\n") == 2
    assert "<svg" in (tmp_path / "out.html").read_text()
    for name in ("out.json", "out.csv", "out.html"):
        assert f"wrote {name}" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--imgsz", "8"), 2, "'8' is not a valid image size"),
        (("--imgsz", "256", "big"), 2, "'big' is not a valid image size"),
        (("--backend", "abacus"), 2, "the backend 'abacus' is not available on this machine"),
        (("--board", "abacus"), 2, "'abacus' is not a known board"),
        (("--model", "absent"), 2, "no model 'absent'"),
        (("--images", "absent"), 2, "absent does not exist; name a folder of images with --images"),
        (("--json", "absent/out.json"), 2, "cannot write absent/out.json"),
        (("--html", "."), 2, "cannot write ."),
    ],
)
def test_a_refusal_is_one_line(
    profile: Profile, album: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    images = () if "--images" in arguments else ("--images", str(album))
    ended = profile(*arguments, *images)
    assert ended.returncode == code
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert line.startswith("spikerain-edge: ")
    assert words in line


def test_reports_never_overwrite_inputs_or_each_other(
    profile: Profile, album: Path, tmp_path: Path
) -> None:
    graph = find_model("nano").graph.path
    for name in ("my.onnx", "my.probe.onnx"):
        shutil.copy(graph, tmp_path / name)
    read = ("--model", "my.onnx", "--images", str(album))
    for destination in ("my.onnx", "./my.probe.onnx", "rainy/1.png"):
        ended = profile(*read, "--json", destination)
        assert ended.returncode == 2
        assert f"{destination} is read" in ended.stderr
    ended = profile(*read, "--json", "p1", "--csv", "p1", "--html", "p1")
    assert ended.returncode == 2
    assert "p1 is named twice" in ended.stderr
    assert (tmp_path / "my.onnx").read_bytes() == graph.read_bytes()
    assert not (tmp_path / "p1").exists()


def test_a_report_that_cannot_be_written_keeps_the_former_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    former = tmp_path / "out.json"
    former.write_text("former")

    def full(path: Path, content: bytes) -> int:
        with path.open("wb") as file:
            file.write(content[:1])
        raise OSError(errno.ENOSPC, "No space left on device")

    example = Path(__file__).parents[1] / "profiling/report.json"
    report = msgspec.json.decode(example.read_bytes(), type=Report)
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match=r"No space left on device: .*out\.json"):
        write_files(report, str(former), None, None)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["former"]


@pytest.mark.slow
@pytest.mark.parametrize(("option", "start"), [("--csv", "imgsz"), ("--html", "<!DOCTYPE html>")])
def test_every_kind_of_report_can_be_written_to_stdout(
    profile: Profile, tmp_path: Path, album: Path, option: str, start: str
) -> None:
    ended = profile("--imgsz", "32", "--images", str(album), option, "-")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith(start)
    assert not (tmp_path / "-").exists()


@pytest.mark.slow
def test_a_closed_standard_output_is_reported(album: Path) -> None:
    command = 'exec "$0" profile --imgsz 32 --iterations 1 --images "$1" --csv - >&-'
    ended = subprocess.run(
        ["/bin/sh", "-c", command, Path(sys.executable).with_name("spikerain-edge"), album],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )

    assert ended.returncode == 3
    assert ended.stderr.splitlines()[-1].startswith("spikerain-edge: standard output is closed; ")


def test_only_one_report_may_go_to_stdout(profile: Profile, album: Path) -> None:
    ended = profile("--images", str(album), "--json", "-", "--csv", "-")
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert "two reports cannot both be written to standard output" in ended.stderr


@pytest.mark.slow
def test_a_report_without_any_measurement_is_an_error(
    profile: Profile, album: Path, tmp_path: Path
) -> None:
    made = convert(open_origin("nano"), Request(size=(32, 32)))
    (tmp_path / "fixed.onnx").write_bytes(made.content)

    some, none = (
        profile("--model", "fixed.onnx", "--imgsz", *sizes, "--images", str(album), *reports)
        for sizes, reports in ((("64", "32"), ()), (("64",), ("--json", "report.json")))
    )

    assert some.returncode == 0, some.stderr
    assert none.returncode == 2
    assert "no size could be measured: " in none.stderr
    assert json.loads((tmp_path / "report.json").read_text())["rows"][0]["fps"] is None


def test_backends_that_cannot_run_graphs_are_not_offered(
    profile: Profile, album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered = ["AzureExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: offered)
    for absent in ("cuda", "azure"):
        ended = profile("--images", str(album), "--backend", absent)
        assert ended.returncode == 2
        assert f"the backend '{absent}' is not available on this machine" in ended.stderr
        assert ended.stderr.endswith("; choose one of these with --backend: auto, openvino, cpu\n")


@pytest.mark.slow
def test_a_note_says_that_only_the_first_images_are_used(tmp_path: Path, picture: Draw) -> None:
    for number in range(9):
        write_image(tmp_path / f"{number}.png", picture(number))
    frames = ScaledFrames(str(tmp_path))
    assert len(frames(16, 16)) == 8
    assert frames.note == f"Measured on the first 8 of 9 images of {tmp_path} (at most 8 are used)."
    (tmp_path / "8.png").unlink()
    assert ScaledFrames(str(tmp_path)).note == f"Measured on all 8 images of {tmp_path}."
    image = sorted(tmp_path.iterdir())[0]
    assert ScaledFrames(str(image)).note == f"Measured on one image, {image}."
    assert ScaledFrames(None).note == "Measured on 4 frames of the built-in rainy scene."


def test_the_frame_before_is_that_of_a_video_and_a_still_picture_is_its_own(
    album: Path, make_video: Callable[..., Path], tmp_path: Path
) -> None:
    stills = ScaledFrames(str(album))
    np.testing.assert_array_equal(stills(16, 16), stills.previous(16, 16))
    video = ScaledFrames(str(make_video(tmp_path / "clip.avi", 3)))
    np.testing.assert_array_equal(video(48, 64)[:-1], video.previous(48, 64)[1:])


def test_pictures_that_cannot_be_decoded_are_not_ignored(tmp_path: Path) -> None:
    for number in range(12):
        write_image(tmp_path / f"{number:02}.png", np.zeros((8, 8, 3), np.uint8))
    (tmp_path / "05.png").write_bytes(b"no image")

    with pytest.raises(InputError, match=r"1 of the pictures in .* cannot be decoded"):
        ScaledFrames(str(tmp_path))


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("--imgsz 256 512 720", "--imgsz 256 --imgsz 512 --imgsz 720"),
        ("--imgsz=256 640x480 --table1", "--imgsz=256 --imgsz 640x480 --table1"),
        ("--imgsz 256 --imgsz 512", "--imgsz 256 --imgsz 512"),
        ("--json - --imgsz 1 2 --csv a", "--json - --imgsz 1 --imgsz 2 --csv a"),
        ("--model nano extra", "--model nano extra"),
        ("", ""),
    ],
)
def test_an_option_is_repeated_for_each_of_its_values(typed: str, read: str) -> None:
    assert repeat_options(typed.split(), {"--imgsz"}) == read.split()


def test_pictures_are_cropped_to_the_aspect_ratio_and_scaled(tmp_path: Path) -> None:
    striped = np.zeros((40, 100, 3), np.uint8)
    striped[:, 30:70] = 255  # the middle square
    write_image(tmp_path / "striped.png", striped)
    (square,) = ScaledFrames(str(tmp_path))(20, 20)
    assert square.shape == (20, 20, 3)
    assert square.min() == 255
    (wide,) = ScaledFrames(str(tmp_path))(80, 200)
    assert wide.shape == (80, 200, 3)
    assert wide[:, :50].max() == 0
