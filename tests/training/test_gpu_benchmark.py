from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks/gpu.sh"


def measure(*arguments: object, **settings: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [SCRIPT, *map(str, arguments)],
        env={**os.environ, "PATH": path, **settings},
        text=True,
        capture_output=True,
        check=False,
        timeout=600,
    )


@pytest.mark.slow
def test_a_trial_on_a_cpu_writes_both_tables(tmp_path: Path) -> None:
    settings = {"DEVICE": "cpu", "PROVIDER": "cpu", "MODELS": "nano", "SIZES": "64", "SIDE": "64"}

    done = measure(tmp_path / "found", **settings)

    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "found/torch.md").read_text().splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[4:]]
    assert [row[:3] for row in cells] == [
        ["nano", "64x64", precision] for precision in ("FP32", "BF16", "FP16")
    ]
    assert all(float(row[3]) > 0 for row in cells)
    assert float(cells[2][5]) > 30, "FP16 agrees with FP32"
    (row,) = json.loads((tmp_path / "found/onnxruntime.json").read_text())["rows"]
    assert (row["format"], row["backend"], row["imgsz"]) == ("fp32", "cpu", [64, 64])
    assert row["latency_ms"]["p50"] > 0


def test_the_script_asks_for_its_folder() -> None:
    done = measure()

    assert done.returncode == 2
    assert done.stderr == "usage: benchmarks/gpu.sh OUTPUT\n"
