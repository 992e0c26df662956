"""Writes a graph and its description as one ONNX file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError

from spikerain_edge import files
from spikerain_edge.errors import InputError, ModelError
from spikerain_edge.sealed_graph import read_description
from spikerain_edge.spec import ModelSpec


def seal(model: onnx.ModelProto, spec: ModelSpec) -> tuple[bytes, ModelSpec]:
    """Returns the bytes of the ONNX file, and the description with the graph's length and digest.

    The description comes last in the file, so that a program that cannot parse ONNX can check the
    digest of everything before it.
    """
    graph = model.SerializeToString(deterministic=True)
    sealed = spec.sealed(graph)
    return graph + sealed.to_metadata(), sealed


def unseal(content: bytes, origin: str) -> tuple[onnx.ModelProto, ModelSpec]:
    """Splits an exported file into the graph and its description.

    Raises:
        ModelError: the file is not an ONNX graph, is not a SpikeRain model, has an unsupported
            version, or was changed after export.
    """
    spec = read_description(content, origin)
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except DecodeError as error:
        raise ModelError(
            f"{origin} is not a usable ONNX graph", "export it again: spikerain-edge export MODEL"
        ) from error
    del model.metadata_props[:]
    return model, spec


def probe_path(graph: Path) -> Path:
    """Returns the path of the probe graph that belongs to an ONNX file."""
    return graph.with_suffix(".probe.onnx")


def require_writable(path: Path, option: str = "--output") -> None:
    """Creates the folder of an output and checks, before a long export, that it is writable.

    Args:
        path: the file to be written.
        option: the option that named it, for the error message.

    Raises:
        InputError: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(path, error.strerror, option) from error
    if path.is_dir():
        raise _unwritable(path, "it is a folder", option)
    if not os.access(path.parent, os.W_OK):
        raise _unwritable(path, "permission denied", option)


def write_artefacts(contents: Mapping[Path, bytes]) -> None:
    """Writes all files, each of them complete, or none.

    Raises:
        InputError: a file cannot be written.
    """
    try:
        files.write_together(contents)
    except OSError as error:
        raise _unwritable(next(iter(contents)), error.strerror) from error


def _unwritable(path: Path, reason: str | None, option: str = "--output") -> InputError:
    return InputError(f"cannot write {path}: {reason}", f"name another file with {option}")
