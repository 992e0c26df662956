"""The files that an export writes, and the checks before it replaces existing ones."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from spikerain_edge.engine_file import is_engine_file, read_engine_file
from spikerain_edge.errors import InputError, SpikeRainError
from spikerain_edge.files import require_distinct
from spikerain_export.artefact import probe_path
from spikerain_export.conversion import Artefact


def output_files(output: Path, plan: bool = False) -> list[Path]:
    """Returns the files that an export to `output` writes, `output` first.

    An engine cannot report firing rates, so its graph and probe graph are written beside it.

    Args:
        output: the graph or engine.
        plan: whether the bare plan of an engine is written too.
    """
    if is_engine_file(output):
        plans = [plan_path(output)] if plan else []
        return [output, *plans, output.with_suffix(".onnx"), probe_path(output)]
    return [output, probe_path(output)]


def plan_path(engine: Path) -> Path:
    """Returns the path of the bare TensorRT plan that belongs to an engine file."""
    return engine.with_suffix(".plan")


def graph_files(artefact: Artefact, output: Path) -> dict[Path, bytes]:
    """Returns the contents of graph and probe graph by the path to write them to."""
    graph = output.with_suffix(".onnx") if is_engine_file(output) else output
    contents = {graph: artefact.content}
    if artefact.probe is not None:
        contents[probe_path(output)] = artefact.probe
    return contents


def require_replaceable(contents: Mapping[Path, bytes], engine: Path, read: Sequence[Path]) -> None:
    """Checks that the graph beside an engine does not overwrite an unrelated graph.

    The user did not choose the name of that graph. It may be written if an existing file has the
    same content, or belongs to the engine that is being replaced.

    Args:
        contents: contents of graph and probe graph by the path to write them to.
        engine: path of the engine.
        read: files that the export reads.

    Raises:
        InputError: an unrelated graph or an input would be overwritten.
    """
    there = {path: path.read_bytes() for path in contents if path.is_file()}
    changed = [path for path, content in there.items() if content != contents[path]]
    require_distinct([str(path) for path in changed], read)
    graph = next(iter(contents))
    if changed and hashlib.sha256(there.get(graph, b"")).hexdigest() != _source_of(engine):
        raise InputError(
            f"{changed[0]} already exists and would be overwritten by the graph of {engine}",
            f"name another engine with --output, or move {changed[0]} to another folder",
        )


def _source_of(engine: Path) -> str | None:
    """Returns the digest of the graph that an existing engine was built from, or None."""
    try:
        return read_engine_file(engine).header.source_sha256
    except SpikeRainError:
        return None
