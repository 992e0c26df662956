from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "training/gpu.sh"
ON_A_CPU = "--accelerator cpu --set batch=1 --set crop=32 --workers 1"
ON_A_CPU += " --set compile=false --set warmup=1"


def train(*arguments: object, **settings: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, **settings}
    return subprocess.run(
        [SCRIPT, *map(str, arguments)],
        env=environment,
        text=True,
        capture_output=True,
        check=False,
        timeout=600,
    )


def logged(folder: Path) -> list[tuple[int, float]]:
    """Returns step and learning rate of every line of the log."""
    lines = (folder / "log.csv").read_text().splitlines()[1:]
    return [(int(line.split(",")[0]), float(line.split(",")[6])) for line in lines]


@pytest.mark.slow
@pytest.mark.parametrize("network", ["s", "tiny", "nano-video"])
def test_a_trial_on_a_cpu_ends_at_the_lowest_rate_and_is_not_repeated(
    network: str, tmp_path: Path
) -> None:
    photographs, output = tmp_path / "photographs", tmp_path / "runs"
    photographs.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    cv2.imwrite(str(photographs / "a.png"), noise)
    settings = {"STEPS": "4", "OPTIONS": ON_A_CPU, "NETWORKS": network}

    done = train(photographs, photographs, output, **settings)
    again = train(photographs, photographs, output, **settings)

    assert done.returncode == 0, done.stderr
    assert f"{network}: 4 steps" in done.stdout
    rates = dict(logged(output / network))
    assert list(rates) == [1, 2, 3, 4]
    assert rates[2] == rates[3]
    assert rates[4] < 0.5 * rates[3]
    assert again.returncode == 0, again.stderr
    assert dict(logged(output / network)) == rates


def test_the_script_asks_for_its_three_folders() -> None:
    done = train("photographs/")

    assert done.returncode == 2
    assert done.stderr == "usage: training/gpu.sh PHOTOS HELD_OUT OUTPUT\n"
