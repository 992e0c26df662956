"""What is written beside a checkpoint, so that a run can be repeated: `run.json`."""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import msgspec

from spikerain_edge.errors import InputError
from spikerain_edge.files import create_folder
from spikerain_edge.images.picture import Half
from spikerain_training.checkpoint import WEIGHTS, write_text
from spikerain_training.provenance import code_revision, library_version, processor_name
from spikerain_training.recipe import Recipe, adapted

RUN = "run.json"
_LIBRARIES = ("torch", "lightning-fabric", "numpy", "opencv-python-headless", "spikerain-edge")
_SAMPLED_BYTES = 1 << 16


@dataclass(frozen=True)
class Data:
    """What a run sees.

    Attributes:
        folders: weight of each folder, of clean images or of pairs (see `find_pairs`).
        rainy_half: of the folders whose pictures hold a pair side by side, the half that is rainy.
        validation: folder to measure on, of pairs or of clean images behind seeded medium rain.
    """

    folders: Mapping[Path, float] = field(default_factory=dict)
    rainy_half: Mapping[Path, Half] = field(default_factory=dict)
    validation: Path | None = None

    @property
    def seen(self) -> list[Path]:
        """Every folder that is trained or measured on."""
        return [*self.folders, *([self.validation] if self.validation else [])]

    def or_else(self, other: Data) -> Data:
        """These data, and those of another run for what is not given here."""
        merged = Data(self.folders or other.folders, validation=self.validation or other.validation)
        halves = {**other.rainy_half, **self.rainy_half}
        kept = {folder: half for folder, half in halves.items() if folder in merged.seen}
        return replace(merged, rainy_half=kept)


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


@dataclass(frozen=True)
class _Weights:
    """What a session says of the checkpoint of another network."""

    folder: str
    sha256: str


@dataclass(frozen=True)
class _Seen:
    """What a session says of a folder, as far as later sessions read it."""

    folder: str
    sha256: str
    weight: float = 0.0


@dataclass(frozen=True)
class _Recorded:
    """What later sessions read of a session; older ones record less."""

    recipe: dict[str, Any]
    data: list[_Seen] = field(default_factory=list)
    validation: _Seen | None = None
    teacher: _Weights | None = None


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
        "rainy_half": {str(folder): half for folder, half in data.rainy_half.items()},
        "validation": asdict(validation) if validation else None,
        "initial": _weights_of(initial),
        "teacher": _weights_of(Path(recipe.teacher)) if recipe.teacher else None,
        "git_revision": code_revision(),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {processor_name()}",
        "libraries": {name: library_version(name) for name in _LIBRARIES},
    }


def append_session(folder: Path, session: Mapping[str, Any]) -> None:
    """Adds a session to `run.json`; a run that starts afresh starts the file afresh."""
    earlier = read_sessions(folder) if session["from_step"] else []
    create_folder(folder)
    write_text(folder / RUN, json.dumps({"sessions": [*earlier, session]}, indent=2) + "\n")


def read_sessions(folder: Path) -> list[dict[str, Any]]:
    """The sessions of a run, oldest first; none where nothing was recorded.

    Raises:
        InputError: the record is damaged.
    """
    path = folder / RUN
    if not path.is_file():
        return []
    try:
        sessions = json.loads(path.read_text("utf-8"))["sessions"]
        msgspec.convert(sessions, list[_Recorded])
    # Not text, not JSON, nested without end, or not what `describe` gives.
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged(folder, error) from error
    return list(sessions)


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What differs between two sessions in recipe, data and the teacher, in a few words each.

    Args:
        before: a session, as recorded.
        now: a later one, as `describe` gives it.
    """
    now = json.loads(json.dumps(now))
    # Settings that an older session does not know had their default then.
    recipes = [{**Recipe().to_dict(), **session["recipe"]} for session in (before, now)]
    words = [
        f"{name} {recipes[0].get(name)} -> {value}"
        for name, value in recipes[1].items()
        if recipes[0].get(name) != value
    ]
    halves = [_data_of(session).rainy_half for session in (before, now)]
    words += [
        f"rainy half of {folder} {halves[0].get(folder)} -> {halves[1].get(folder)}"
        for folder in {**halves[0], **halves[1]}
        if halves[0].get(folder) != halves[1].get(folder)
    ]
    old, new = _folders(before), _folders(now)
    for folder, (weight, digest) in new.items():
        known, seen = old.get(folder, (weight, None))
        if seen is None:
            words.append(f"{folder} is new")
        elif digest != seen:
            words.append(f"files in {folder}")
        elif weight != known:
            words.append(f"weight of {folder} {known:g} -> {weight:g}")
    return words + [f"without {folder}" for folder in old if folder not in new]


def _folders(session: Mapping[str, Any]) -> dict[str, tuple[float, str]]:
    """Weight and fingerprint of all that a session trained, measured or was advised on."""
    seen = {one["folder"]: one for one in session.get("data", [])}
    for role in ("validation", "teacher"):
        if session.get(role):
            seen[f"{role} {session[role]['folder']}"] = session[role]
    return {name: (one.get("weight", 0.0), one["sha256"]) for name, one in seen.items()}


def recorded_recipe(folder: Path) -> Recipe | None:
    """The recipe of the last session, or none.

    Raises:
        InputError: the record is damaged.
    """
    sessions = read_sessions(folder)
    try:
        return adapted(Recipe(), sessions[-1]["recipe"]) if sessions else None
    except InputError as error:
        raise _damaged(folder, error) from error


def recorded_data(folder: Path) -> Data:
    """What the last session saw; empty where nothing was recorded.

    Raises:
        InputError: the record is damaged.
    """
    sessions = read_sessions(folder)
    try:
        return _data_of(sessions[-1]) if sessions else Data()
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(folder, error) from error


def _data_of(session: Mapping[str, Any]) -> Data:
    folders = {Path(one["folder"]): float(one["weight"]) for one in session.get("data", [])}
    held_out = session.get("validation")
    data = Data(folders, validation=Path(held_out["folder"]) if held_out else None)
    return replace(data, rainy_half=_halves(session.get("rainy_half"), data.seen))


def _halves(recorded: Any, folders: list[Path]) -> dict[Path, Half]:
    """The rainy half of each folder; older sessions record one for all of them, or none."""
    one_for_all = recorded if isinstance(recorded, dict) else dict.fromkeys(folders, recorded)
    halves: dict[Path, Half] = {}
    for folder, half in one_for_all.items():
        if half not in (None, "left", "right"):
            raise ValueError(f"rainy_half is {half!r}")
        if half:
            halves[Path(folder)] = "left" if half == "left" else "right"
    return halves


def _damaged(folder: Path, error: Exception) -> InputError:
    return InputError(
        f"{folder / RUN} is damaged ({error})", "move it away and give --config and --data anew"
    )


def _weights_of(checkpoint: Path | None) -> dict[str, str] | None:
    if checkpoint is None:
        return None
    content = (checkpoint / WEIGHTS).read_bytes()
    return {"folder": str(checkpoint), "sha256": hashlib.sha256(content).hexdigest()}
