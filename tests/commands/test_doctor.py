"""`spikerain-edge doctor` on this machine, and on a damaged installation."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import spikerain_edge
from spikerain_edge.cli import app

DOCTOR = "from spikerain_edge.cli import main; main()"


@pytest.mark.slow
def test_one_screen_names_every_section_and_the_run_would_work() -> None:
    done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == 0
    for section in ("software", "machine", "runtimes", "models", "video", "cameras"):
        assert section in done.stdout
    assert "SHA-256 correct" in done.stdout


@pytest.mark.slow
def test_the_json_holds_the_findings_and_the_trial_of_a_camera(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["doctor", "--json", "--camera", "demo"])
    assert done.exit_code == 0
    document = json.loads(done.stdout)
    assert document["schema"] == 1
    assert document["works"] is True
    assert {"section", "name", "status", "detail", "fix"} == set(document["findings"][0])
    camera = document["camera"]
    assert (camera["width"], camera["height"], camera["nominal_fps"]) == (640, 360, 25.0)
    assert camera["live"] is False
    assert camera["frames"] > 0


def test_an_absent_camera_is_exit_3_and_the_findings_are_still_shown() -> None:
    done = CliRunner().invoke(app, ["doctor", "--camera", "/dev/video99"])
    assert done.exit_code == 3
    assert "SHA-256 correct" in done.stdout


@pytest.mark.slow
def test_an_absent_camera_does_not_hide_the_findings_in_json() -> None:
    done = CliRunner().invoke(app, ["doctor", "--json", "--camera", "/dev/video99"])
    assert done.exit_code == 3
    document = json.loads(done.stdout)
    assert document["works"] is True
    assert document["camera"] is None
    assert "/dev/video99" in done.stderr


@pytest.mark.slow
def test_a_changed_model_is_exit_4_and_the_command_that_repairs_it(tmp_path: Path) -> None:
    shutil.copytree(Path(spikerain_edge.__file__).parent, tmp_path / "spikerain_edge")
    model = tmp_path / "spikerain_edge/models/tiny.onnx"
    content = bytearray(model.read_bytes())
    content[1000] ^= 1
    model.write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-c", DOCTOR, "doctor"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
    )
    assert done.returncode == 4
    assert "run does not work here: tiny" in done.stderr
    assert "pip install --force-reinstall" in done.stderr
    assert "✗ tiny" in " ".join(done.stdout.split())
