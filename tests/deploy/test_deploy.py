"""Checks the deployment files with their own tools."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
UNIT = DEPLOY / "systemd" / "spikerain-edge.service"
COMPOSE_FILES = ("jetson/compose.yaml", "x86/compose.yaml", "x86/gpu.yaml")
PROGRAM = "/opt/spikerain/share/spikerain-edge/serve.sh"


def run(tool: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs a tool of the virtual environment or the system, or skips if it is not installed."""
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    found = shutil.which(tool, path=places)
    if found is None:
        pytest.skip(f"{tool} is not installed")
    return subprocess.run([found, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("machine", ["jetson", "training", "x86"])
def test_hadolint_has_no_complaints_about_the_dockerfiles(machine: str) -> None:
    checked = run("hadolint", "--no-color", DEPLOY / machine / "Dockerfile")
    assert (checked.returncode, checked.stdout) == (0, ""), checked.stdout + checked.stderr


@pytest.mark.slow
def test_compose_files_follow_their_schema() -> None:
    files = [DEPLOY / file for file in COMPOSE_FILES]
    checked = run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", *files)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("file", COMPOSE_FILES)
def test_compose_files_build_what_exists(file: str) -> None:
    build = yaml.safe_load((DEPLOY / file).read_text())["services"]["spikerain-edge"]["build"]
    dockerfile = (DEPLOY.parent / build["dockerfile"]).read_text()
    assert all(f"ARG {name}=" in dockerfile for name in build.get("args", ()))


@pytest.mark.parametrize("machine", ["jetson", "x86"])
def test_the_options_of_a_container_are_those_of_its_image_unless_others_are_set(
    machine: str,
) -> None:
    service = yaml.safe_load((DEPLOY / machine / "compose.yaml").read_text())["services"]
    given = service["spikerain-edge"]["environment"]["SPIKERAIN_ARGS"]
    (built,) = re.findall(r'SPIKERAIN_ARGS="(.*)"', dockerfile(machine))
    assert given == f"${{SPIKERAIN_ARGS:-{built}}}"


@pytest.mark.parametrize("machine", ["jetson", "training", "x86"])
def test_an_image_is_built_from_what_its_dockerfile_copies(machine: str) -> None:
    copied = re.findall(r"^COPY (?!--)(.*) \S+$", dockerfile(machine), re.MULTILINE)
    names = {name for line in copied for name in line.split()}
    taken = {f"!{name}" for name in names}
    ignored = (DEPLOY / machine / "Dockerfile.dockerignore").read_text().splitlines()
    assert ignored[0] == "*"
    assert taken == {line for line in ignored if line.startswith("!")}


@pytest.mark.parametrize("machine", ["jetson", "x86"])
def test_a_container_is_confined_and_passed_its_devices_explicitly(machine: str) -> None:
    service = yaml.safe_load((DEPLOY / machine / "compose.yaml").read_text())["services"]
    service = service["spikerain-edge"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["devices"] == ["/dev/video0:/dev/video0"]
    assert "privileged" not in service
    assert "\nUSER 1000\n" in dockerfile(machine)


def test_both_images_run_the_program_in_the_same_way() -> None:
    jetson, x86 = (
        dockerfile(machine).partition("install --directory")[2] for machine in ("jetson", "x86")
    )
    assert jetson == x86 != ""


def dockerfile(machine: str) -> str:
    return (DEPLOY / machine / "Dockerfile").read_text()


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
    checked = run("shellcheck", *sorted(DEPLOY.rglob("*.sh")))
    assert (checked.returncode, checked.stdout) == (0, "")


def test_the_unit_runs_the_script_that_the_installer_puts_there() -> None:
    assert f"ExecStart={PROGRAM}\n" in UNIT.read_text()
    assert "share=$prefix/share/spikerain-edge" in (DEPLOY / "install.sh").read_text()
