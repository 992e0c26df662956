"""Training processes that are stopped by signals or by errors."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from spikerain_training.cli import app


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_stopped_by_a_signal_is_saved_and_resumed_at_the_same_step(
    photographs: Path, tmp_path: Path, number: signal.Signals
) -> None:
    output = tmp_path / "run"
    command = [sys.executable, "-m", "spikerain_training", "fit", "--output", str(output)]
    small = ("steps=100000", "batch=1", "crop=32", "warmup=1", "save_every=1")
    settings = [word for setting in small for word in ("--set", setting)]
    process = subprocess.Popen(
        [*command, "--data", str(photographs), *settings],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while not (output / "training.safetensors").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    # Sent to the whole group including workers, as a terminal, Slurm or torchrun does.
    os.killpg(process.pid, number)
    _, messages = process.communicate(timeout=60)
    assert process.returncode == 130, messages
    assert f"continue: spikerain-train fit --resume --output {output}" in messages
    assert "Traceback" not in messages
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)

    stopped_at = int(messages.split("saved at step ")[1].split(";")[0])
    more = ["fit", "--resume", "--output", str(output), "--set", f"steps={stopped_at + 1}"]
    done = CliRunner().invoke(app, more)
    assert done.exit_code == 0, done.output
    sessions = json.loads((output / "run.json").read_text())["sessions"]
    assert [session["from_step"] for session in sessions] == [0, stopped_at]
    assert sessions[1]["recipe"]["batch"] == 1
    rows = (output / "log.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows[1:]] == [
        str(step) for step in range(1, stopped_at + 2)
    ]


@pytest.mark.slow
def test_a_run_that_fails_leaves_no_worker_behind(photographs: Path, tmp_path: Path) -> None:
    """Workers ignore the SIGTERM by which Python stops them until the loop has ended."""
    pairs = tmp_path / "pairs"
    shutil.copytree(photographs, pairs / "target")
    (pairs / "input").mkdir()
    for path in photographs.iterdir():
        (pairs / "input" / path.name).write_bytes(b"broken")
    command = [sys.executable, "-m", "spikerain_training", "fit", "--data", str(pairs)]
    process = subprocess.Popen(
        [*command, "--output", str(tmp_path / "run"), "--steps", "100"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )
    try:
        _, messages = process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    assert process.returncode == 2
    assert "cannot decode the image" in messages
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
