"""Describes a training session: recipe, data, code, libraries and machine."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from spikerain_training.checkpoint import WEIGHTS
from spikerain_training.provenance import code_revision, library_version, processor_name
from spikerain_training.recipe import Recipe
from spikerain_training.record import Data

_LIBRARIES = ("torch", "lightning-fabric", "numpy", "opencv-python-headless", "spikerain-edge")
_SAMPLED_BYTES = 1 << 16


@dataclass(frozen=True)
class DataRecord:
    """Record of a folder that a run trained or validated on.

    Attributes:
        folder: path as the user gave it.
        weight: weight of the folder; 0 if the run only validated on it.
        files: number of files.
        sha256: fingerprint of the name, the size and the first 64 KiB of every file.
    """

    folder: str
    weight: float
    files: int
    sha256: str


def fingerprint(folder: Path, weight: float) -> DataRecord:
    """Returns a record of the content of a folder; it changes when the files change.

    Raises:
        OSError: a file cannot be read.
    """
    digest = hashlib.sha256()
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in files:
        with path.open("rb") as stream:
            begin = hashlib.sha256(stream.read(_SAMPLED_BYTES)).hexdigest()
        # Names of files may hold bytes that are not UTF-8.
        name = os.fsencode(path.relative_to(folder).as_posix())
        digest.update(name + f"\0{path.stat().st_size}\0{begin}\n".encode())
    return DataRecord(str(folder), weight, len(files), digest.hexdigest())


def describe(
    recipe: Recipe, data: Data, step: int, processes: int, initial: Path | None = None
) -> dict[str, Any]:
    """Returns the record of a session: recipe, data, initial weights, code, libraries, machine.

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


def _weights_of(checkpoint: Path | None) -> dict[str, str] | None:
    if checkpoint is None:
        return None
    content = (checkpoint / WEIGHTS).read_bytes()
    return {"folder": str(checkpoint), "sha256": hashlib.sha256(content).hexdigest()}
