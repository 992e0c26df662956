from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def test_a_missing_compiler_is_reported_before_the_run_starts(
    photographs: Path, tmp_path: Path
) -> None:
    without = {"CXX": "/nowhere/g++", "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache")}
    recipe = ("variant=nano", "steps=1", "batch=1", "crop=32", "compile=true")

    ended = subprocess.run(
        [
            Path(sys.executable).with_name("spikerain-train"),
            *("fit", "--data", photographs, "--output", tmp_path / "run"),
            *(word for each in recipe for word in ("--set", each)),
        ],
        env={**os.environ, **without},
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )

    assert ended.returncode == 2
    last = ended.stderr.splitlines()[-1]
    assert last.startswith("spikerain-train: cannot compile the neurons (")
    assert last.endswith("or add --set compile=false")
    assert not (tmp_path / "run").exists()
