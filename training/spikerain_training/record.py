"""What is written beside a checkpoint, so that a run can be repeated: `run.json`."""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

from spikerain_training.checkpoint import write_text
from spikerain_training.recipe import Recipe, adapted

RUN = "run.json"
_LIBRARIES = ("torch", "lightning-fabric", "numpy", "opencv-python-headless", "spikerain-edge")
_SAMPLED_BYTES = 1 << 16


@dataclass(frozen=True)
class DataRecord:
    """A folder that was trained on.

    Attributes:
        folder: as it was given.
        weight: how often its samples were drawn.
        files: number of files.
        sha256: fingerprint over names, sizes and the first 64 KiB of every file.
    """

    folder: str
    weight: float
    files: int
    sha256: str


def fingerprint(folder: Path, weight: float) -> DataRecord:
    """Describes the content of a folder, so that another can be told from it."""
    digest = hashlib.sha256()
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in files:
        with path.open("rb") as stream:
            begin = hashlib.sha256(stream.read(_SAMPLED_BYTES)).hexdigest()
        name = path.relative_to(folder).as_posix()
        digest.update(f"{name}\0{path.stat().st_size}\0{begin}\n".encode())
    return DataRecord(str(folder), weight, len(files), digest.hexdigest())


def describe(
    recipe: Recipe, folders: Mapping[Path, float], step: int, processes: int
) -> dict[str, Any]:
    """One session of a run: recipe, data, code, libraries and machine."""
    return {
        "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "from_step": step,
        "processes": processes,
        "command": sys.argv,
        "recipe": recipe.to_dict(),
        "data": [asdict(fingerprint(folder, weight)) for folder, weight in folders.items()],
        "git_revision": git_revision(Path.cwd()),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {_processor()}",
        "libraries": {name: _version(name) for name in _LIBRARIES},
    }


def append_session(folder: Path, session: Mapping[str, Any]) -> None:
    """Adds a session to `run.json`; a run that starts afresh starts the file afresh."""
    earlier = read_sessions(folder) if session["from_step"] else []
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / RUN, json.dumps({"sessions": [*earlier, session]}, indent=2) + "\n")


def read_sessions(folder: Path) -> list[dict[str, Any]]:
    """The sessions of a run, oldest first; none where nothing was recorded.

    Raises:
        ValueError: the record is damaged.
    """
    path = folder / RUN
    if not path.is_file():
        return []
    try:
        sessions = json.loads(path.read_text("utf-8"))["sessions"]
        if not all(isinstance(session["recipe"], dict) for session in sessions):
            raise TypeError("a session is no table")
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is damaged ({error}); give --config instead") from error
    return list(sessions)


def recorded_recipe(folder: Path) -> Recipe | None:
    """The recipe of the last session, or none.

    Raises:
        ValueError: the record is damaged.
    """
    sessions = read_sessions(folder)
    return adapted(Recipe(), sessions[-1]["recipe"]) if sessions else None


def recorded_data(folder: Path) -> dict[Path, float]:
    """Folders and weights of the last session; none where nothing was recorded.

    Raises:
        ValueError: the record is damaged.
    """
    sessions = read_sessions(folder)
    data = sessions[-1].get("data", []) if sessions else []
    return {Path(entry["folder"]): float(entry["weight"]) for entry in data}


def git_revision(folder: Path) -> str | None:
    """Commit of the work tree around `folder`, `-dirty` where files differ; none elsewhere."""
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None


def _version(library: str) -> str | None:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    """Name of the processor as Linux gives it, or as Python does."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} x {names[0]}" if names else platform.processor() or "unknown processor"
