"""The deployment files pass their own tools' checks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[2] / "deploy"
UNIT = DEPLOY / "systemd" / "spikerain-edge.service"
PROGRAM = "/opt/spikerain/bin/spikerain-edge"


def run(tool: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs a tool, from the virtual environment if it has it, or skips the test."""
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    found = shutil.which(tool, path=places)
    if found is None:
        pytest.skip(f"{tool} is not installed here")
    return subprocess.run([found, *arguments], capture_output=True, text=True, check=False)


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    checked = run("hadolint", "--no-color", DEPLOY / "jetson" / "Dockerfile")
    assert (checked.returncode, checked.stdout) == (0, ""), checked.stdout + checked.stderr


def test_systemd_finds_nothing_in_the_unit(tmp_path: Path) -> None:
    # systemd looks whether the program can be run, which is not installed where tests run.
    program = tmp_path / "spikerain-edge"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace(PROGRAM, str(program)))
    checked = run("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", unit)
    assert (checked.returncode, checked.stderr) == (0, ""), checked.stderr


def test_systemd_deems_the_unit_well_confined() -> None:
    checked = run("systemd-analyze", "security", "--offline=yes", "--threshold=40", UNIT)
    assert checked.returncode == 0, checked.stdout[-500:] + checked.stderr


def test_the_unit_runs_the_program_where_the_guide_installs_it() -> None:
    assert f"ExecStart={PROGRAM} run " in UNIT.read_text()
    assert f"{Path(PROGRAM).parent}/pip install" in (DEPLOY / "README.md").read_text()
