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
    """The bytes of the file, and the description with length and digest of the graph.

    The description comes last, so that a program that knows no ONNX can check the digest of
    everything before it.
    """
    graph = model.SerializeToString(deterministic=True)
    sealed = spec.sealed(graph)
    return graph + sealed.to_metadata(), sealed


def unseal(content: bytes, origin: str) -> tuple[onnx.ModelProto, ModelSpec]:
    """A graph without its description, and the description, from a file of ours.

    Raises:
        ModelError: the file is not an ONNX graph or not a SpikeRain model, has an unsupported
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
    """Where the probe graph of an ONNX file lies."""
    return graph.with_suffix(".probe.onnx")


def require_place(path: Path, option: str = "--output") -> None:
    """Looks, before a long export, whether its file can be written; makes its folder.

    Args:
        path: the file.
        option: which option named it.

    Raises:
        InputError: it cannot.
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
    """Writes files that appear whole and all of them, or not at all.

    Raises:
        InputError: one cannot be written.
    """
    try:
        files.write_together(contents)
    except OSError as error:
        raise _unwritable(next(iter(contents)), error.strerror) from error


def _unwritable(path: Path, reason: str | None, option: str = "--output") -> InputError:
    return InputError(f"cannot write {path}: {reason}", f"name another file with {option}")
