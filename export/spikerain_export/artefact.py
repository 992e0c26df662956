"""Writes a graph and its description as one ONNX file."""

from __future__ import annotations

import os
from pathlib import Path

import onnx

from spikerain_edge.errors import InputError
from spikerain_edge.files import write_whole
from spikerain_edge.spec import ModelSpec


def seal(model: onnx.ModelProto, spec: ModelSpec) -> tuple[bytes, ModelSpec]:
    """The bytes of the file, and the description with length and digest of the graph.

    The description comes last, so that a program that knows no ONNX can check the digest of
    everything before it.
    """
    graph = model.SerializeToString(deterministic=True)
    sealed = spec.sealed(graph)
    return graph + sealed.to_metadata(), sealed


def require_place(path: Path) -> None:
    """Looks, before a long export, whether its file can be written; makes its folder.

    Raises:
        InputError: it cannot.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(path, error.strerror) from error
    if path.is_dir():
        raise _unwritable(path, "it is a folder")
    if not os.access(path.parent, os.W_OK):
        raise _unwritable(path, "permission denied")


def write(path: Path, content: bytes) -> None:
    """Writes a file that appears whole or not at all.

    Raises:
        InputError: it cannot be written.
    """
    try:
        write_whole(path, content)
    except OSError as error:
        raise _unwritable(path, error.strerror) from error


def _unwritable(path: Path, reason: str | None) -> InputError:
    return InputError(f"cannot write {path}: {reason}", "name another file with --output")
