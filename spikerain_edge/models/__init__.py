"""Finds models: shipped ones by name, others by path.

`registry.json` lists the files of every shipped model with their SHA-256.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Annotated

import msgspec

from spikerain_edge.errors import InputError, ModelError
from spikerain_edge.files import read_bounded

MAX_MODEL_BYTES = 1 << 30
IMAGE_MODEL, VIDEO_MODEL = "nano", "nano-video"
"""The models that `run` takes unless told otherwise: for images, and for cameras and videos."""
_REINSTALL = "reinstall it: pip install --force-reinstall --no-deps spikerain-edge"


class _File(msgspec.Struct):
    file: Annotated[str, msgspec.Meta(pattern=r"^[\w.-]+\.onnx$")]
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class _Entry(msgspec.Struct):
    graph: _File
    probe: _File


@dataclass(frozen=True)
class ModelFile:
    """A model file on disk.

    Attributes:
        path: the ONNX or engine file.
        sha256: expected SHA-256; empty for a file that is not part of the package.
    """

    path: Path
    sha256: str = ""

    def read(self) -> bytes:
        """Reads the file and checks its SHA-256.

        Raises:
            InputError: the file does not exist.
            ModelError: the file cannot be read, is too large, or its SHA-256 does not match.
        """
        content = read_bounded(self.path, MAX_MODEL_BYTES, "model file")
        if self.sha256 and hashlib.sha256(content).hexdigest() != self.sha256:
            raise ModelError(
                f"the shipped model {self.path} was changed (its SHA-256 does not match)",
                _REINSTALL,
            )
        return content


@dataclass(frozen=True)
class Model:
    """Files of a model.

    Attributes:
        graph: the graph that derains.
        probe: the probe graph, which also reports firing rates; None if there is none.
    """

    graph: ModelFile
    probe: ModelFile | None


def shipped_models() -> list[str]:
    """Names of the shipped models, sorted."""
    return sorted(_registry())


def find_model(name: str) -> Model:
    """Finds a shipped model by name, or an ONNX or engine file by path.

    Raises:
        InputError: there is no such model or file, or the path is a checkpoint that has not been
            exported.
        ModelError: the operating system denies access to the path.
    """
    try:
        return _find(name)
    except OSError as error:
        raise ModelError(
            f"cannot read {name}: {error.strerror}",
            f"check the permissions: ls -ld {quote(name)}",
        ) from error


def _find(name: str) -> Model:
    entry = _registry().get(name)
    folder = Path(__file__).parent
    if entry is not None:
        graph, probe = (
            ModelFile(folder / each.file, each.sha256) for each in (entry.graph, entry.probe)
        )
        return Model(graph, probe)
    path = Path(name)
    if (path / "weights.safetensors").is_file():
        raise InputError(
            f"{name} is a checkpoint, not an exported model",
            f"export it: spikerain-edge export {quote(name)} --output "
            f"{quote(f'{path.resolve().name}.onnx')}",
        )
    if not path.is_file():
        kind = ": it is a folder without weights" if path.is_dir() and name else ""
        raise InputError(
            f"there is no model {name!r}{kind}",
            f"name a shipped one ({', '.join(shipped_models())}) or the path of a model file",
        )
    if path.suffix == ".plan":
        engine = quote(str(path.with_suffix(".engine")))
        raise InputError(
            f"{name} is a bare TensorRT plan, which does not describe its model",
            f"name the engine file that was written with it: {engine}",
        )
    probe_path = path.with_suffix(".probe.onnx")
    return Model(ModelFile(path), ModelFile(probe_path) if probe_path.is_file() else None)


def _registry() -> dict[str, _Entry]:
    """The entries of `registry.json` by name of the model.

    Raises:
        ModelError: the file is missing or damaged.
    """
    path = Path(__file__).with_name("registry.json")
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, _Entry])
    except (OSError, msgspec.DecodeError) as error:
        raise ModelError(f"the list of shipped models {path} is damaged", _REINSTALL) from error
