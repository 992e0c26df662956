"""Writes a graph and its description as one ONNX file."""

from __future__ import annotations

from pathlib import Path

import onnx

from spikerain_edge.spec import METADATA_KEY, ModelSpec


def seal(model: onnx.ModelProto, spec: ModelSpec) -> tuple[bytes, ModelSpec]:
    """The bytes of the file, and the description with length and digest of the graph.

    A protobuf message may be followed by more fields of itself. The metadata comes last, so that a
    program that knows no ONNX can check the digest of everything before it.
    """
    graph = model.SerializeToString(deterministic=True)
    sealed = spec.sealed(graph)
    trailer = onnx.ModelProto()
    entry = trailer.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, sealed.to_json()
    return graph + trailer.SerializeToString(), sealed


def write(path: Path, content: bytes) -> None:
    """Writes a file that appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
