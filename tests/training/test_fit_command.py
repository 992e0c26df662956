"""Messages of `fit` before it trains, and requests that it refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import Result
from typer.testing import CliRunner

from spikerain_edge.images.reading import read_image
from spikerain_training.cli import app

SMALL = ["--set", "batch=1", "--set", "crop=32", "--set", "warmup=1", "--accelerator", "cpu"]


@pytest.fixture
def beside(photographs: Path, tmp_path: Path) -> Path:
    """Pairs side by side, the left one brighter."""
    folder = tmp_path / "beside"
    folder.mkdir()
    for path in photographs.iterdir():
        clean = read_image(path)
        brighter = cv2.add(clean, np.full_like(clean, 30))
        cv2.imwrite(str(folder / path.name), np.hstack([brighter, clean]))
    return folder


def fit(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["fit", *map(str, arguments)])


def assert_refused(done: Result, message: str) -> None:
    assert done.exit_code == 2, done.output
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_the_rainy_half_applies_only_to_the_named_folder(
    photographs: Path, beside: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    data = ["--data", photographs, "--data", f"{beside}=0.5", "--validation", photographs]
    done = fit(*data, "--rainy-half", f"{beside}=left", "--output", run, *SMALL, "--steps", 1)

    assert done.exit_code == 0, done.output
    assert done.stderr.splitlines()[:4] == [
        f"data {photographs}: 3 clean images, weight 1",
        f"data {beside}: side by side, rainy left, 3 pairs, weight 0.5",
        f"validation {photographs}: 3 clean images",
        "training nano on cpu, 1 process, up to step 1",
    ]
    again = fit("--resume", "--output", run, "--steps", 2)
    assert again.exit_code == 0, again.output
    assert again.stderr.splitlines()[:3] == done.stderr.splitlines()[:3]
    assert again.stderr.splitlines()[3] == "training nano on cpu, 1 process, up to step 2"


@pytest.mark.slow
def test_a_folder_that_is_trained_and_validated_on_has_one_rainy_half(
    beside: Path, tmp_path: Path
) -> None:
    data = ["--data", beside, "--validation", beside, "--rainy-half", "left"]
    done = fit(*data, "--output", tmp_path / "run", *SMALL, "--steps", 1)

    assert done.exit_code == 0, done.output


@pytest.mark.slow
@pytest.mark.parametrize("validated", [False, True])
def test_single_photographs_are_refused_as_pairs_side_by_side(
    photographs: Path, beside: Path, tmp_path: Path, validated: bool
) -> None:
    data = ["--data", beside, "--validation" if validated else "--data", photographs]
    done = fit(*data, "--rainy-half", "left", "--output", tmp_path / "run", *SMALL)

    assert_refused(done, f"{photographs} does not hold pairs side by side (the halves of")
    assert "--rainy-half FOLDER=left" in done.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--rainy-half", "top"], "--rainy-half top does not end in left or right"),
        (["--rainy-half", "other=left"], "names other, but the run does not use this folder"),
        (["--rainy-half", "left", "--rainy-half", "right"], "--rainy-half is given twice for"),
        (["--data", "./clean=2"], "--data names clean twice"),
        (["--initial", "nosuch"], "nosuch is not a checkpoint folder (config.json is missing)"),
        (["--output", "clean/0.png"], "clean/0.png is not a folder"),
        (["--config", "nosuch.toml"], "cannot read the recipe nosuch.toml"),
    ],
)
def test_an_impossible_run_is_refused_in_one_line_and_writes_nothing(
    photographs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    message: str,
) -> None:
    photographs.rename(tmp_path / "clean")
    monkeypatch.chdir(tmp_path)
    before = contents(tmp_path)

    done = fit("--data", "clean", "--output", "run", *SMALL, *options)

    assert_refused(done, message)
    assert "Errno" not in done.stderr
    assert contents(tmp_path) == before
    assert not Path("run").exists()


def test_the_message_about_a_missing_teacher_says_that_it_is_the_teacher(
    photographs: Path, tmp_path: Path
) -> None:
    taught = ["--set", "teacher=nosuch", "--set", "distillation=1"]
    done = fit("--data", photographs, "--output", tmp_path / "run", *SMALL, *taught)

    assert done.exit_code == 2
    last = done.stderr.splitlines()[-1]
    assert "teacher of the recipe: nosuch is not a checkpoint folder" in last
    assert not (tmp_path / "run").exists()


def test_a_folder_that_cannot_be_created_is_reported_in_one_line(photographs: Path) -> None:
    done = fit("--data", photographs, "--output", "/proc/nosuch", *SMALL)

    assert done.exit_code == 2
    last = done.stderr.splitlines()[-1]
    assert "cannot" in last
    assert "/proc" in last
    assert "name another" in last
    assert "Errno" not in last


def test_a_config_json_of_another_project_is_not_overwritten(
    photographs: Path, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "config.json").write_text('{"mine": 1}')

    done = fit("--data", photographs, "--output", project, *SMALL, "--steps", 1)

    assert_refused(done, f"{project} already holds config.json; name another folder with --output")
    assert contents(project) == {project / "config.json": b'{"mine": 1}'}


@pytest.mark.slow
def test_files_without_a_partner_are_listed_in_a_warning(photographs: Path, tmp_path: Path) -> None:
    for name in ("rain-1.png", "norain-1.png"):
        shutil.copy(photographs / "1.png", photographs / name)
    shutil.copy(photographs / "1.png", photographs / "3.png")

    done = fit("--data", photographs, "--output", tmp_path / "run", *SMALL, "--steps", 1)

    assert done.exit_code == 0, done.output
    first, second = done.stderr.splitlines()[:2]
    assert "rainy and clean in one folder, 1 pair, weight 1" in first
    assert "4 files" in second
    assert "skipped, no partner found: 0.png, 1.png, 2.png, 1 more" in second
    assert f"spikerain-train prepare {photographs}" in second


@pytest.mark.slow
def test_a_resumed_run_logs_what_changed_and_refuses_fewer_steps_or_another_network(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photographs.rename(tmp_path / "clean")
    monkeypatch.chdir(tmp_path)
    assert fit("--data", "clean", "--output", "run", *SMALL, "--steps", 2).exit_code == 0
    same = fit("--resume", "--output", "run", "--steps", 2)
    assert "changed" not in same.stderr

    before = contents(Path("run"))
    assert_refused(
        fit("--resume", "--output", "run", "--steps", 1),
        "the run in run has already done 2 steps, more than the 1 of the recipe; raise the number "
        "of steps: --steps 4",
    )
    other = fit("--resume", "--output", "run", "--steps", 3, "--set", "variant=tiny")
    assert_refused(other, "run holds the training state of nano")
    assert "resume without changing variant" in other.stderr
    assert len(other.stderr) < 500
    assert contents(Path("run")) == before

    Path("clean/new.png").write_bytes(Path("clean/0.png").read_bytes())
    done = fit("--resume", "--output", "run", "--steps", 3, "--set", "seed=5")
    assert done.exit_code == 0, done.output
    change = "changed since the last session: steps 2 -> 3, seed 0 -> 5, files in clean"
    assert change in done.stderr.splitlines()
    sessions = json.loads(Path("run/run.json").read_text())["sessions"]
    assert [session["recipe"]["steps"] for session in sessions] == [2, 2, 3]

    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert_refused(
        fit("--resume", "--output", "../run", "--steps", 4),
        f"the folder clean, which the run used before, does not exist in {Path.cwd()}; start in "
        "the directory of the first session, or name its new place: --data FOLDER",
    )
