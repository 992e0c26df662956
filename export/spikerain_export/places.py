"""Where an export lies, and what it may replace there."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from spikerain_edge.engine_file import is_engine_file, read_engine_file
from spikerain_edge.errors import InputError, SpikeRainError
from spikerain_edge.files import require_distinct
from spikerain_export.artefact import probe_path
from spikerain_export.conversion import Artefact


def places(output: Path) -> list[Path]:
    """The files that an export to `output` writes, which is its first.

    An engine's graph and probe graph lie beside it: an engine reports no firing rates.
    """
    if is_engine_file(output):
        return [output, output.with_suffix(".onnx"), probe_path(output)]
    return [output, probe_path(output)]


def graph_files(artefact: Artefact, output: Path) -> dict[Path, bytes]:
    """Graph and probe graph by where they are to lie."""
    graph = output.with_suffix(".onnx") if is_engine_file(output) else output
    contents = {graph: artefact.content}
    if artefact.probe is not None:
        contents[probe_path(output)] = artefact.probe
    return contents


def require_replaceable(contents: Mapping[Path, bytes], engine: Path, read: Sequence[Path]) -> None:
    """Checks that the graph beside an engine, whose name nobody typed, replaces no other graph.

    What is the same already may stay, and that of an engine which is replaced itself gives way.

    Args:
        contents: graph and probe graph by where they are to lie.
        engine: the engine that they lie beside.
        read: files that the export was made from.

    Raises:
        InputError: another graph lies there.
    """
    there = {path: path.read_bytes() for path in contents if path.is_file()}
    changed = [path for path, content in there.items() if content != contents[path]]
    require_distinct([str(path) for path in changed], read)
    graph = next(iter(contents))
    if changed and hashlib.sha256(there.get(graph, b"")).hexdigest() != _source_of(engine):
        raise InputError(
            f"{changed[0]} would be replaced by the graph that {engine} is built from",
            f"name another engine with --output, or move {changed[0]} away",
        )


def _source_of(engine: Path) -> str | None:
    """Digest of the graph that an engine which lies there was built from."""
    try:
        return read_engine_file(engine).header.source_sha256
    except SpikeRainError:
        return None
