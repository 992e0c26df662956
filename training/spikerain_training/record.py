"""What is written beside a checkpoint, so that a run can be repeated: `run.json`."""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

from spikerain_training.checkpoint import WEIGHTS, write_text
from spikerain_training.pairs import Half
from spikerain_training.recipe import Recipe, adapted

RUN = "run.json"
_LIBRARIES = ("torch", "lightning-fabric", "numpy", "opencv-python-headless", "spikerain-edge")
_SAMPLED_BYTES = 1 << 16


@dataclass(frozen=True)
class Data:
    """What a run sees.

    Attributes:
        folders: weight of each folder, of clean images or of pairs (see `pairs`).
        rainy_half: pictures hold a pair side by side, and this half of them is rainy.
        validation: folder to measure on, of pairs or of clean images behind seeded medium rain.
    """

    folders: Mapping[Path, float] = field(default_factory=dict)
    rainy_half: Half | None = None
    validation: Path | None = None

    def or_else(self, other: Data) -> Data:
        """These data, and those of another run for what is not given here."""
        return Data(
            self.folders or other.folders,
            self.rainy_half or other.rainy_half,
            self.validation or other.validation,
        )


@dataclass(frozen=True)
class DataRecord:
    """A folder that was trained or measured on.

    Attributes:
        folder: as it was given.
        weight: how often its samples were drawn; 0 where it was only measured on.
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
    recipe: Recipe, data: Data, step: int, processes: int, initial: Path | None = None
) -> dict[str, Any]:
    """One session of a run: recipe, data, other networks' weights, code, libraries, machine.

    Raises:
        OSError: data or weights cannot be read.
    """
    validation = fingerprint(data.validation, 0.0) if data.validation else None
    return {
        "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "from_step": step,
        "processes": processes,
        "command": sys.argv,
        "recipe": recipe.to_dict(),
        "data": [asdict(fingerprint(folder, weight)) for folder, weight in data.folders.items()],
        "rainy_half": data.rainy_half,
        "validation": asdict(validation) if validation else None,
        "initial": _weights_of(initial),
        "teacher": _weights_of(Path(recipe.teacher)) if recipe.teacher else None,
        "git_revision": code_revision(),
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
        raise _damaged(folder, error) from error
    return list(sessions)


def recorded_recipe(folder: Path) -> Recipe | None:
    """The recipe of the last session, or none.

    Raises:
        ValueError: the record is damaged.
    """
    sessions = read_sessions(folder)
    return adapted(Recipe(), sessions[-1]["recipe"]) if sessions else None


def recorded_data(folder: Path) -> Data:
    """What the last session saw; empty where nothing was recorded.

    Raises:
        ValueError: the record is damaged.
    """
    sessions = read_sessions(folder)
    if not sessions:
        return Data()
    session = sessions[-1]
    try:
        folders = {Path(one["folder"]): float(one["weight"]) for one in session.get("data", [])}
        held_out, rainy_half = session.get("validation"), session.get("rainy_half")
        if rainy_half not in (None, "left", "right"):
            raise ValueError(f"rainy_half is {rainy_half!r}")
        return Data(folders, rainy_half, Path(held_out["folder"]) if held_out else None)
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(folder, error) from error


def _damaged(folder: Path, error: Exception) -> ValueError:
    return ValueError(
        f"{folder / RUN} is damaged ({error}); move it away and give --config and --data anew"
    )


def _weights_of(checkpoint: Path | None) -> dict[str, str] | None:
    if checkpoint is None:
        return None
    content = (checkpoint / WEIGHTS).read_bytes()
    return {"folder": str(checkpoint), "sha256": hashlib.sha256(content).hexdigest()}


def code_revision(source: Path = Path(__file__)) -> str | None:
    """Revision of the repository that holds this code; none where it was installed without one.

    A file that lies in a work tree without belonging to it, as in a virtual environment inside
    somebody's project, has none.

    Args:
        source: a file of the code.
    """
    command = ["git", "-C", str(source.parent), "ls-files", "--error-unmatch", source.name]
    return git_revision(source.parent) if _output(command) else None


def git_revision(folder: Path) -> str | None:
    """Commit of the work tree around `folder`, `-dirty` where files differ; none elsewhere."""
    return _output(["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40"])


def _output(command: list[str]) -> str | None:
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
