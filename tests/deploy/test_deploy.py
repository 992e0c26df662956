"""Checks the deployment files with their own tools."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[2] / "deploy"
UNIT = DEPLOY / "systemd" / "spikerain-edge.service"
PROGRAM = "/opt/spikerain/share/spikerain-edge/serve.sh"


def run(tool: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs a tool of the virtual environment or the system, or skips if it is not installed."""
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    found = shutil.which(tool, path=places)
    if found is None:
        pytest.skip(f"{tool} is not installed")
    return subprocess.run([found, *arguments], capture_output=True, text=True, check=False)


def test_hadolint_has_no_complaints_about_the_dockerfile() -> None:
    checked = run("hadolint", "--no-color", DEPLOY / "jetson" / "Dockerfile")
    assert (checked.returncode, checked.stdout) == (0, ""), checked.stdout + checked.stderr


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    # systemd checks that the program exists, but tests run where it is not installed.
    program = tmp_path / "spikerain-edge"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace(PROGRAM, str(program)))
    checked = run("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", unit)
    assert (checked.returncode, checked.stderr) == (0, ""), checked.stderr


def test_systemd_rates_the_unit_as_well_confined() -> None:
    checked = run("systemd-analyze", "security", "--offline=yes", "--threshold=20", UNIT)
    assert checked.returncode == 0, checked.stdout[-500:] + checked.stderr


def test_shellcheck_has_no_complaints_about_the_scripts() -> None:
    checked = run("shellcheck", *sorted(DEPLOY.glob("*.sh")))
    assert (checked.returncode, checked.stdout) == (0, "")


def test_the_unit_runs_the_script_that_the_installer_puts_there() -> None:
    assert f"ExecStart={PROGRAM}\n" in UNIT.read_text()
    assert "share=$prefix/share/spikerain-edge" in (DEPLOY / "install.sh").read_text()
