"""What would be published: complete, small, and with metadata that the index takes."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml
from test_deploy import run

ROOT = Path(__file__).parents[2]
PACKAGES = ("spikerain_edge", "training/spikerain_training", "export/spikerain_export")
# Bytes; PyPI takes 100 MB.
LARGEST = 50e6
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
VERSION = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
OURS = f"{sys.version_info.major}.{sys.version_info.minor}"
# The oldest, the newest and this one.
PYTHONS = sorted({"3.10", OURS, "3.13"})
SECONDS = 600


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


def test_the_version_is_that_of_pyproject_everywhere() -> None:
    assert VERSION is not None
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"]
    assert cited == VERSION[1] == importlib.metadata.version("spikerain-edge")


@pytest.mark.slow
def test_workflows_follow_githubs_schema() -> None:
    assert WORKFLOWS
    checked = run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *WORKFLOWS)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_publishing_is_trusted_and_gets_no_more_rights_than_it_needs() -> None:
    text = (ROOT / ".github/workflows/publish.yml").read_text()
    workflow = yaml.safe_load(text)
    assert "secrets." not in text, "trusted publishing needs no secret"
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["jobs"]["publish"]["permissions"] == {"id-token": "write"}
    assert workflow["jobs"]["publish"]["environment"]["name"] == "pypi"
    assert "permissions" not in workflow["jobs"]["build"]
    assert {"run": "make release"} in workflow["jobs"]["build"]["steps"]


def test_the_licences_of_all_dependencies_are_listed() -> None:
    page = (ROOT / "docs/licences.md").read_text()
    rows = dict(re.findall(r"^\| ([\w.-]+) \| (.+) \|$", page, re.MULTILINE))
    project = (ROOT / "pyproject.toml").read_text().split("\ntest = [")[0]
    project = re.sub(r"^docs = .*$", "", project, flags=re.MULTILINE)
    wanted = re.findall(r'"([a-z][\w-]+)>=', project.split("\ndependencies = ")[1])
    assert set(rows) - {"package"} == set(wanted)
    assert [name for name, licence in rows.items() if "unknown" in licence.lower()] == []


@pytest.mark.parametrize(
    ("module", "name", "encoders"),
    [("av", "PyAV", {"x264", "x265"}), ("pillow_heif", "pillow-heif", {"x265"})],
)
def test_gpl_libraries_of_the_wheels_are_named_in_the_licences(
    module: str, name: str, encoders: set[str]
) -> None:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        pytest.skip(f"{module} is not installed")
    libraries = Path(spec.origin).parents[1] / f"{module}.libs"
    if not libraries.is_dir():
        pytest.skip(f"this {module} is not from a wheel and brings no libraries")
    brought = {
        match[1] for path in libraries.iterdir() if (match := re.match(r"lib(x26\d)", path.name))
    }
    assert brought == encoders
    gpl = (ROOT / "docs/licences.md").read_text().split("## GPL")[1]
    (paragraph,) = [each for each in gpl.split("\n\n") if each.startswith(f"**{name}**")]
    assert all(f"**{encoder}**" in paragraph for encoder in brought)


def python(version: str) -> str:
    """Path of a Python of this version; skips where there is none."""
    if version == OURS:
        return sys.executable
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    others = sorted(root.glob(f"versions/{version}.*/bin/python{version}"))
    for place in (shutil.which(f"python{version}"), *others):
        works = place and not subprocess.run([place, "-c", ""], capture_output=True).returncode
        if works:
            return str(place)
    pytest.skip(f"there is no Python {version} here")


def cyclonedx() -> Path:
    """The program that lists components; skips where it is not installed."""
    program = Path(sys.prefix, "cyclonedx", "bin", "cyclonedx-py")
    if not program.exists():
        pytest.skip(f"CycloneDX is not installed: there is no {program}; make test")
    return program


@pytest.mark.slow
@pytest.mark.parametrize("version", PYTHONS)
def test_the_wheel_works_in_an_empty_environment(built: Path, tmp_path: Path, version: str) -> None:
    (wheel,) = built.glob("*.whl")
    place = tmp_path / "environment"
    outside = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    outside |= {"PIP_CONSTRAINT": os.devnull, "HOME": str(tmp_path)}

    def do(*command: str | Path) -> str:
        done = subprocess.run(
            command, env=outside, cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    do(python(version), "-m", "venv", "--without-pip", place)
    pip = [sys.executable, "-m", "pip", "--python", place / "bin/python"]
    do(*pip, "install", "--quiet", "--no-compile", wheel)
    count = 30 if version == OURS else 3
    program = [place / "bin/spikerain-edge", "run", "--camera", "demo", "--imgsz", "160x120"]
    summary = json.loads(do(*program, "--max-frames", str(count), "--json", "-"))
    assert summary["frames"] == count

    if version != OURS:
        return
    listed = ["--pyproject", str(ROOT / "pyproject.toml"), place / "bin/python"]
    bill = json.loads(do(cyclonedx(), "environment", *listed))
    assert bill["bomFormat"] == "CycloneDX"
    assert VERSION is not None
    root = bill["metadata"]["component"]
    assert (root["name"], root["version"]) == ("spikerain-edge", VERSION[1])
    components = {each["name"].lower(): each for each in bill["components"]}
    assert {"numpy", "onnxruntime", "av"} <= set(components)
    assert not {"torch", "onnx", "lightning-fabric"} & set(components)
    assert components["numpy"]["licenses"]
