"""Several processes on one machine, started by torchrun as a user would start them."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from spikerain_training import fit as loop
from spikerain_training.fit import Data, fit
from spikerain_training.hardware import Hardware
from spikerain_training.recipe import read_recipe
from spikerain_training.sampling import Share

RECIPE = """\
steps = 6
batch = 4
crop = 32
warmup = 1
learning_rate = 1e-3
ema = 0.0
dry = 0.0
"""


@pytest.fixture
def alike(tmp_path: Path) -> Path:
    """Pairs of one rainy picture, which no flip changes, and truths that differ.

    Batch norm sees the same in every part of a batch, so nothing but arithmetic tells one
    process from two.
    """
    folder = tmp_path / "alike"
    for name in ("input", "target"):
        (folder / name).mkdir(parents=True)
    half = np.random.default_rng(0).integers(0, 256, (32, 16, 3), np.uint8)
    rainy = np.hstack([half, half[:, ::-1]])
    for number in range(4):
        cv2.imwrite(str(folder / "input" / f"{number}.png"), rainy)
        truth = np.full_like(rainy, 60 * number)
        cv2.imwrite(str(folder / "target" / f"{number}.png"), truth)
    return folder


def torchrun(processes: int, arguments: list[str]) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command = [*launcher, f"--nproc-per-node={processes}", "-m", "spikerain_training", *arguments]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


def losses(run: Path) -> list[float]:
    with (run / "log.csv").open(newline="") as stream:
        return [float(row["loss"]) for row in csv.DictReader(stream)]


def distance(first: Path, second: Path) -> float:
    """How far the trained weights of two runs lie apart."""
    one, other = load_file(first / "weights.safetensors"), load_file(second / "weights.safetensors")
    parameters = [name for name in one if not name.endswith(("running_mean", "running_var"))]
    return sum(
        torch.sum((one[name].double() - other[name].double()) ** 2).item() for name in parameters
    )


def test_two_processes_train_as_one_does(
    alike: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "recipe.toml"
    config.write_text(RECIPE)
    common = ["fit", "--data", str(alike), "--config", str(config), "--accelerator", "cpu"]
    torchrun(2, [*common, "--output", str(tmp_path / "two")])
    recipe, data, cpu = read_recipe(config), Data({alike: 1.0}), Hardware("cpu")
    fit(recipe, data, tmp_path / "one", hardware=cpu)

    two, one = losses(tmp_path / "two"), losses(tmp_path / "one")
    assert len(two) == len(one) == 6
    assert two == pytest.approx(one, rel=1e-3)

    # A process that trained on its half alone, gradients not shared, would end elsewhere.
    monkeypatch.setattr(loop, "Share", lambda batch, rank, processes: Share(batch, 0, 2))
    fit(recipe, data, tmp_path / "half", hardware=cpu)
    together = distance(tmp_path / "two", tmp_path / "one")
    apart = distance(tmp_path / "half", tmp_path / "one")
    assert together < 0.02 * apart
