from __future__ import annotations

import csv
import json
import re
import shutil
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from spikerain_edge.images.reading import read_image
from spikerain_training.checkpoint import load_network
from spikerain_training.cli import app

SMALL = 'variant = "nano"\nsteps = 2\nbatch = 1\ncrop = 32\nwarmup = 1\n'


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    return path


def side_by_side(photographs: Path, folder: Path, half: str) -> Path:
    """Writes pairs side by side; the rainy half is white."""
    folder.mkdir()
    for path in photographs.iterdir():
        clean = read_image(path)
        halves = [np.full_like(clean, 255), clean]
        pair = np.hstack(halves if half == "left" else halves[::-1])
        cv2.imwrite(str(folder / path.name), pair)
    return folder


@pytest.mark.slow
def test_fit_writes_a_checkpoint_with_its_record_and_logs(
    photographs: Path, recipe: Path, tmp_path: Path
) -> None:
    output = tmp_path / "run"
    arguments = ["fit", "--data", str(photographs), "--output", str(output)]
    done = CliRunner().invoke(
        app, [*arguments, "--config", str(recipe), "--set", "seed=7", "--set", "network.units=2"]
    )
    assert done.exit_code == 0, done.output
    assert f"spikerain-edge export {output}" in done.stderr
    assert load_network(output).config.units == 2
    (session,) = json.loads((output / "run.json").read_text())["sessions"]
    assert (session["recipe"]["seed"], session["recipe"]["steps"]) == (7, 2)
    assert session["data"][0]["files"] == 3
    assert len((output / "log.csv").read_text().splitlines()) == 3
    assert any((output / "tensorboard").iterdir())
    assert (output / "samples" / "0000002.png").is_file()


@pytest.mark.slow
def test_fit_mixes_folders_by_weight(photographs: Path, recipe: Path, tmp_path: Path) -> None:
    pairs, output = tmp_path / "pairs", tmp_path / "run"
    shutil.copytree(photographs, pairs / "input")
    shutil.copytree(photographs, pairs / "target")
    data = ["--data", f"{photographs}=0.5", "--data", str(pairs)]
    done = CliRunner().invoke(app, ["fit", *data, "--output", str(output), "--config", str(recipe)])
    assert done.exit_code == 0, done.output
    assert load_network(output).config.variant == "nano"


@pytest.mark.slow
@pytest.mark.parametrize("half", ["left", "right"])
def test_fit_trains_on_pairs_side_by_side(
    photographs: Path, recipe: Path, tmp_path: Path, half: str
) -> None:
    beside, output = side_by_side(photographs, tmp_path / "beside", half), tmp_path / "run"
    arguments = ["fit", "--data", str(beside), "--rainy-half", half, "--set", "steps=1"]
    done = CliRunner().invoke(app, [*arguments, "--output", str(output), "--config", str(recipe)])
    assert done.exit_code == 0, done.output
    sheet = read_image(output / "samples" / "0000001.png")
    assert (sheet[:, :32] == 255).all()
    assert sheet[:, 64:].mean() < 200


@pytest.mark.slow
def test_a_resumed_run_trains_and_validates_on_the_same_data(
    photographs: Path, recipe: Path, tmp_path: Path
) -> None:
    beside = side_by_side(photographs, tmp_path / "beside", "left")
    held_out = side_by_side(photographs, tmp_path / "held_out", "left")
    fresh = ["--data", str(beside), "--rainy-half", "left", "--validation", str(held_out)]
    output = tmp_path / "run"
    first = ["fit", *fresh, "--output", str(output), "--config", str(recipe), "--steps", "1"]
    assert CliRunner().invoke(app, first).exit_code == 0

    resumed = ["fit", "--resume", "--output", str(output), "--steps", "2"]
    done = CliRunner().invoke(app, resumed)

    assert done.exit_code == 0, done.output
    with (output / "log.csv").open(newline="") as stream:
        before, after = csv.DictReader(stream)
    assert after["validation_rainy_psnr"] == before["validation_rainy_psnr"] != ""
    sheet = read_image(output / "samples" / "0000002.png")
    assert (sheet[:, :72] == 255).all()
    assert sheet[:, 144:].mean() < 200
    one, two = json.loads((output / "run.json").read_text())["sessions"]
    assert two["from_step"] == 1
    for name in ("data", "rainy_half", "validation"):
        assert one[name] == two[name]

    # Training must use halves too; whole images have a higher PSNR.
    assert float(after["psnr"]) < 15
    changed = [
        *resumed[:-1],
        "3",
        "--validation",
        str(photographs),
        "--rainy-half",
        f"{beside}=right",
    ]
    done = CliRunner().invoke(app, changed)
    assert done.exit_code == 0, done.output
    *_, last = json.loads((output / "run.json").read_text())["sessions"]
    assert last["rainy_half"] == {str(beside): "right"}
    assert last["validation"]["folder"] == str(photographs)
    assert last["data"] == one["data"]


@pytest.mark.slow
def test_a_run_is_not_overwritten_and_not_resumed_with_another_optimizer(
    photographs: Path, recipe: Path, tmp_path: Path
) -> None:
    output = tmp_path / "run"
    fresh = ["fit", "--data", str(photographs), "--output", str(output), "--config", str(recipe)]
    assert CliRunner().invoke(app, fresh).exit_code == 0
    before = {path: path.read_bytes() for path in output.rglob("*") if path.is_file()}
    resumed = ["fit", "--resume", "--output", str(output), "--steps", "3"]

    again = CliRunner().invoke(app, fresh)
    other = CliRunner().invoke(app, [*resumed, "--set", "optimizer=muon"])

    assert f"continue it: spikerain-train fit --resume --output {output}, or name" in again.stderr
    assert "continue with --set optimizer=adamw" in other.stderr
    for refused in (again, other):
        assert refused.exit_code == 2
        assert len(refused.stderr.strip().splitlines()) == 1
    assert {path: path.read_bytes() for path in output.rglob("*") if path.is_file()} == before


def test_a_damaged_initial_checkpoint_is_refused_with_exit_code_4(
    photographs: Path, recipe: Path, tmp_path: Path
) -> None:
    start = tmp_path / "start"
    start.mkdir()
    (start / "config.json").write_text("{oops")
    arguments = ["fit", "--data", str(photographs), "--output", str(tmp_path / "run")]
    done = CliRunner().invoke(app, [*arguments, "--config", str(recipe), "--initial", str(start)])
    assert done.exit_code == 4
    assert str(start) in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_damaged_image_found_while_training_is_reported_in_one_line(
    photographs: Path, tmp_path: Path
) -> None:
    pairs = tmp_path / "pairs"
    shutil.copytree(photographs, pairs / "target")
    (pairs / "input").mkdir()
    for path in photographs.iterdir():
        (pairs / "input" / path.name).write_bytes(b"broken")
    arguments = ["--data", str(pairs), "--output", str(tmp_path / "run"), "--steps", "1"]
    done = CliRunner().invoke(app, ["fit", *arguments])
    assert done.exit_code == 2
    assert "cannot decode the image" in done.stderr.splitlines()[-1]
    assert str(pairs / "input") in done.stderr.splitlines()[-1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fit", "--data", "missing", "--output", "run"], "the folder missing does not exist"),
        (["fit", "--output", "run"], "no training data given; name a folder: --data FOLDER"),
        (
            ["fit", "--output", "run", "--resume"],
            "there is no run to resume in run (training.safetensors is missing); name the folder",
        ),
        (["fit", "--data", ".", "--output", "run", "--config", "bad.toml"], "unknown setting"),
        (["fit", "--data", ".", "--output", "run", "--set", "steps=0"], "at least 1"),
        (["fit", "--data", ".", "--output", "run", "--set", "fast"], "write --set NAME=VALUE"),
        (
            ["fit", "--data", ".", "--output", "run", "--accelerator", "tpu"],
            "use --accelerator cpu",
        ),
        (
            [
                "fit",
                "--data",
                ".",
                "--output",
                "run",
                "--accelerator",
                "cpu",
                "--set",
                "precision=16-mixed",
            ],
            "16-mixed needs a GPU",
        ),
        (
            ["fit", "--data", ".", "--output", "run", "--resume", "--initial", "."],
            "--resume and --initial cannot be used together",
        ),
        (
            ["fit", "--data", "a=b", "--output", "run"],
            "the weight 'b' is not a number above 0; write --data a=2.5",
        ),
        (["evaluate", "--model", "missing", "--data", "."], "no model 'missing'"),
    ],
)
def test_invalid_input_is_reported_in_one_line_with_exit_code_2(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.toml").write_text("speed = 3\n")
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("command", ["fit", "evaluate", "prepare", "average", "import"])
def test_lines_of_help_are_as_long_as_they_can_be(command: str) -> None:
    shown = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "80"})
    text, _, _ = shown.stdout.partition("\u256d")
    _, *paragraphs = re.split(r"\n\s*\n", text.strip())
    assert paragraphs
    for paragraph in paragraphs:
        for line, following in pairwise(paragraph.splitlines()):
            assert len(f"{line.rstrip()} {following.split()[0]}") > 78, line
