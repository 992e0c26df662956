from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data
from typer.testing import CliRunner

from spikerain_training.checkpoint import load_network
from spikerain_training.cli import app

SMALL = 'variant = "nano"\nsteps = 2\nbatch = 1\ncrop = 32\nwarmup = 1\n'


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    folder = tmp_path / "photographs"
    folder.mkdir()
    astronaut = np.ascontiguousarray(data.astronaut()[:64, 150:214, ::-1])
    cv2.imwrite(str(folder / "astronaut.png"), astronaut)
    return folder


def test_fit_writes_a_checkpoint_that_loads(photographs: Path, tmp_path: Path) -> None:
    recipe, output = tmp_path / "small.toml", tmp_path / "run"
    recipe.write_text(SMALL)
    arguments = ["fit", "--data", str(photographs), "--output", str(output)]
    done = CliRunner().invoke(app, [*arguments, "--config", str(recipe)])
    assert done.exit_code == 0, done.output
    assert load_network(output).config.variant == "nano"


def test_fit_mixes_folders_by_weight(photographs: Path, tmp_path: Path) -> None:
    pairs, recipe, output = tmp_path / "pairs", tmp_path / "small.toml", tmp_path / "run"
    shutil.copytree(photographs, pairs / "input")
    shutil.copytree(photographs, pairs / "target")
    recipe.write_text(SMALL)
    data = ["--data", f"{photographs}=0.5", "--data", str(pairs)]
    done = CliRunner().invoke(app, ["fit", *data, "--output", str(output), "--config", str(recipe)])
    assert done.exit_code == 0, done.output
    assert load_network(output).config.variant == "nano"


def test_a_damaged_pair_met_while_training_is_one_line(photographs: Path, tmp_path: Path) -> None:
    pairs = tmp_path / "pairs"
    shutil.copytree(photographs, pairs / "target")
    (pairs / "input").mkdir()
    (pairs / "input" / "astronaut.png").write_bytes(b"broken")
    arguments = ["--data", str(pairs), "--output", str(tmp_path / "run"), "--steps", "1"]
    done = CliRunner().invoke(app, ["fit", *arguments])
    assert done.exit_code == 2
    line = f"spikerain-train: cannot read the image {pairs / 'input' / 'astronaut.png'}"
    assert done.stderr.splitlines()[-1] == line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fit", "--data", "missing", "--output", "run"], "no folder missing"),
        (["fit", "--data", ".", "--output", "run", "--config", "bad.toml"], "unknown setting"),
        (["fit", "--data", "a=b", "--output", "run"], "'b' is no weight; write FOLDER=2.5"),
        (["evaluate", "--model", "missing", "--data", "."], "no images"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.toml").write_text("speed = 3\n")
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
    assert message in done.stderr
    assert not (tmp_path / "run").exists()
