"""Reads and writes `run.json`, which records how a checkpoint was trained."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from spikerain_edge.errors import InputError
from spikerain_edge.files import create_folder
from spikerain_edge.images.picture import Half
from spikerain_training.checkpoint import write_text
from spikerain_training.recipe import Recipe
from spikerain_training.recipe_settings import adapted

RUN = "run.json"


@dataclass(frozen=True)
class Data:
    """Data of a run.

    Attributes:
        folders: weight of each training folder; a folder holds clean images or pairs (see
            `find_pairs`).
        rainy_half: the rainy half, for folders whose images hold a pair side by side.
        validation: folder to validate on; it holds pairs, or clean images that get seeded medium
            rain.
    """

    folders: Mapping[Path, float] = field(default_factory=dict)
    rainy_half: Mapping[Path, Half] = field(default_factory=dict)
    validation: Path | None = None

    @property
    def seen(self) -> list[Path]:
        """All folders that the run trains or validates on, each once."""
        validation = [self.validation] if self.validation else []
        return list(dict.fromkeys([*self.folders, *validation]))

    def or_else(self, other: Data) -> Data:
        """Returns these data; folders that are not given here are taken from `other`."""
        merged = Data(self.folders or other.folders, validation=self.validation or other.validation)
        halves = {**other.rainy_half, **self.rainy_half}
        kept = {folder: half for folder, half in halves.items() if folder in merged.seen}
        return replace(merged, rainy_half=kept)


@dataclass(frozen=True)
class _Weights:
    """Record of the checkpoint of another network in a session."""

    folder: str
    sha256: str


@dataclass(frozen=True)
class _Seen:
    """Record of a folder in a session; only the fields that later sessions read."""

    folder: str
    sha256: str
    weight: float = 0.0


@dataclass(frozen=True)
class _Recorded:
    """Fields of a session that later sessions read; older records have fewer fields."""

    recipe: dict[str, Any]
    data: list[_Seen] = field(default_factory=list)
    validation: _Seen | None = None
    teacher: _Weights | None = None


def append_session(folder: Path, session: Mapping[str, Any]) -> None:
    """Adds a session to `run.json`; the first session of a run replaces an existing file.

    Raises:
        InputError: `run.json` is damaged.
        OSError: the file cannot be written.
    """
    earlier = read_sessions(folder) if session["from_step"] else []
    create_folder(folder)
    write_text(folder / RUN, json.dumps({"sessions": [*earlier, session]}, indent=2) + "\n")


def read_sessions(folder: Path) -> list[dict[str, Any]]:
    """Returns the sessions of a run, oldest first; empty if there is no `run.json`.

    Raises:
        InputError: `run.json` is damaged.
    """
    path = folder / RUN
    if not path.is_file():
        return []
    try:
        sessions = json.loads(path.read_text("utf-8"))["sessions"]
        msgspec.convert(sessions, list[_Recorded])
    # Not text, not JSON, nested too deeply, or not in the format of `describe`.
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged(folder, error) from error
    return list(sessions)


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Returns a short text for each difference of recipe, data or teacher between two sessions.

    Args:
        before: a session as `run.json` holds it.
        now: a later session as `describe` returns it.
    """
    now = json.loads(json.dumps(now))
    # A setting that an older session does not contain had its default value.
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
            words.append(f"{folder} added")
        elif digest != seen:
            words.append(f"files in {folder}")
        elif weight != known:
            words.append(f"weight of {folder} {known:g} -> {weight:g}")
    return words + [f"{folder} removed" for folder in old if folder not in new]


def _folders(session: Mapping[str, Any]) -> dict[str, tuple[float, str]]:
    """Returns weight and fingerprint of the data, the validation data and the teacher."""
    seen = {one["folder"]: one for one in session.get("data", [])}
    for role in ("validation", "teacher"):
        if session.get(role):
            seen[f"{role} {session[role]['folder']}"] = session[role]
    return {name: (one.get("weight", 0.0), one["sha256"]) for name, one in seen.items()}


def recorded_recipe(folder: Path) -> Recipe | None:
    """Returns the recipe of the last session; None if there is no `run.json`.

    Raises:
        InputError: `run.json` is damaged.
    """
    sessions = read_sessions(folder)
    try:
        return adapted(Recipe(), sessions[-1]["recipe"]) if sessions else None
    except InputError as error:
        raise _damaged(folder, error) from error


def recorded_data(folder: Path) -> Data:
    """Returns the data of the last session; empty if there is no `run.json`.

    Raises:
        InputError: `run.json` is damaged.
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
    """Returns the rainy half of each folder; older records hold one value for all folders."""
    one_for_all = recorded if isinstance(recorded, dict) else dict.fromkeys(folders, recorded)
    halves: dict[Path, Half] = {}
    for folder, half in one_for_all.items():
        if half not in (None, "left", "right"):
            raise ValueError(f"rainy_half is {half!r}")
        if half:
            halves[Path(folder)] = "left" if half == "left" else "right"
    return halves


def _damaged(folder: Path, error: Exception) -> InputError:
    path = folder / RUN
    return InputError(
        f"{path} is damaged ({error})",
        f"move it away and give --config and --data again: mv {path} {path}.damaged",
    )
