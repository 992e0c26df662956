"""What would be published: complete, small, and with metadata that the index takes."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("spikerain_edge", "training/spikerain_training", "export/spikerain_export")
# Bytes; PyPI takes 100 MB.
LARGEST = 30e6


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-d", folder]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder


def tracked() -> set[str]:
    git = shutil.which("git")
    if git is None:
        pytest.skip("git is not installed")
    listed = subprocess.run([git, "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip(f"the files of the repository are not known: {listed.stderr.strip()}")
    return set(listed.stdout.splitlines())


@pytest.mark.slow
def test_the_index_takes_wheel_and_source(built: Path) -> None:
    files = sorted(built.iterdir())
    command = [sys.executable, "-m", "twine", "check", "--strict", *files]
    checked = subprocess.run(command, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout
    assert checked.stdout.count("PASSED") == 2
    assert all(file.stat().st_size < LARGEST for file in files)


@pytest.mark.slow
def test_the_wheel_holds_every_file_of_the_packages_and_nothing_else(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    wanted = {
        str(Path(*Path(name).parts[package.count("/") :]))
        for package in PACKAGES
        for name in tracked()
        if name.startswith(f"{package}/")
    }
    assert held == wanted


@pytest.mark.slow
def test_the_source_builds_without_the_repository(built: Path, tmp_path: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as source:
        source.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.iterdir()
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "again"]
    subprocess.run(command, cwd=unpacked, check=True, capture_output=True)
    (wheel,) = (tmp_path / "again").glob("*.whl")
    (first,) = built.glob("*.whl")
    assert zipfile.ZipFile(wheel).namelist() == zipfile.ZipFile(first).namelist()
