"""The shipped models and how to find them: `registry.json` lists every file with its SHA-256."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from spikerain_edge.errors import InputError, ModelError

MAX_MODEL_BYTES = 1 << 30


@dataclass(frozen=True)
class ModelFile:
    """A model on disk.

    Attributes:
        path: the ONNX file.
        sha256: what its digest must be; empty for a file that the package did not ship.
    """

    path: Path
    sha256: str = ""

    def read(self) -> bytes:
        """The checked content of the file.

        Raises:
            InputError: there is no such file.
            ModelError: it is unreadable, too large, or its digest is wrong.
        """
        content = _read_bounded(self.path)
        if self.sha256 and hashlib.sha256(content).hexdigest() != self.sha256:
            raise ModelError(
                f"the shipped model {self.path} has been changed (its SHA-256 is wrong)",
                "reinstall it: pip install --force-reinstall spikerain-edge",
            )
        return content


@dataclass(frozen=True)
class Model:
    """A model to load: the graph that is run and, where there is one, the graph that is probed."""

    graph: ModelFile
    probe: ModelFile | None


def shipped_models() -> list[str]:
    """Names of the models inside the package."""
    return sorted(_registry())


def find_model(name: str) -> Model:
    """A shipped model by name, or an ONNX file by path.

    Raises:
        InputError: neither exists, or it is a checkpoint that is not exported yet.
        ModelError: the system does not let it be looked at.
    """
    try:
        return _find(name)
    except OSError as error:
        raise ModelError(
            f"cannot read {name}: {error.strerror}", "check its permissions"
        ) from error


def _find(name: str) -> Model:
    entry = _registry().get(name)
    folder = Path(__file__).parent
    if entry is not None:
        graph, probe = (
            ModelFile(folder / entry[role]["file"], entry[role]["sha256"])
            for role in ("graph", "probe")
        )
        return Model(graph, probe)
    path = Path(name)
    if (path / "weights.safetensors").is_file():
        raise InputError(
            f"{name} is a checkpoint, not a model",
            f"export it: spikerain-edge export {name} --output {path.resolve().name}.onnx",
        )
    if not path.is_file():
        raise InputError(
            f"no model {name!r}",
            f"name a shipped one ({', '.join(shipped_models())}) or the path of an ONNX file",
        )
    probe_path = path.with_suffix(".probe.onnx")
    return Model(ModelFile(path), ModelFile(probe_path) if probe_path.is_file() else None)


def _registry() -> dict[str, dict[str, dict[str, str]]]:
    path = Path(__file__).with_name("registry.json")
    entries: dict[str, dict[str, dict[str, str]]] = json.loads(path.read_text())
    return entries


def _read_bounded(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > MAX_MODEL_BYTES:
            raise ModelError(
                f"{path} is too large for a model ({size >> 20} MiB)",
                "name a file written by: spikerain-edge export",
            )
        return path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"no model file {path}", "check the path") from error
    except OSError as error:
        raise ModelError(
            f"cannot read {path}: {error.strerror}", "check its permissions"
        ) from error
