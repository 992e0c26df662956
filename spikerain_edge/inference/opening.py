"""Opens the engine of a model, and its probe graph."""

from __future__ import annotations

import logging
from pathlib import Path

from spikerain_edge.engine_file import is_engine_file
from spikerain_edge.errors import InputError
from spikerain_edge.inference.backends import AUTO, open_graph
from spikerain_edge.inference.engine import Engine
from spikerain_edge.inference.graph_engine import GraphEngine
from spikerain_edge.inference.probe_graph import open_probe_graph
from spikerain_edge.inference.providers import CPU
from spikerain_edge.inference.tensorrt import open_engine
from spikerain_edge.models import find_model

_log = logging.getLogger(__name__)


def open_model(
    model: str, provider: str, threads: int | None, *, probe: bool, spin: bool = True
) -> tuple[Engine, GraphEngine | None]:
    """Opens a model; the arguments are those of `Derainer.load`.

    Returns:
        Its engine, and the engine of its probe graph if that exists and is asked for.

    Raises:
        InputError: the model does not exist, or the provider is not available.
        ModelError: the model cannot be loaded.
    """
    files = find_model(model)
    _log.debug("loading %s", files.graph.path)
    if is_engine_file(files.graph.path):
        return _open_engine(files.graph.path, provider), None
    engine = open_graph(files.graph.read(), str(files.graph.path), provider, threads, spin=spin)
    if not probe or files.probe is None:
        return engine, None
    content, origin = files.probe.read(), str(files.probe.path)
    return engine, open_probe_graph(engine, content, origin, provider, threads, spin=spin)


def _open_engine(path: Path, provider: str) -> Engine:
    if provider not in (CPU, AUTO):
        raise InputError(
            f"{path} is a TensorRT engine, which the back end {provider} cannot run",
            "leave out --backend, or name an ONNX file",
        )
    return open_engine(path)
