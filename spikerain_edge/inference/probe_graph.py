"""Opens probe graphs, which report firing rates beside the picture."""

from __future__ import annotations

from spikerain_edge.errors import ModelError
from spikerain_edge.inference.backends import open_graph
from spikerain_edge.inference.engine import Engine
from spikerain_edge.inference.graph_engine import GraphEngine
from spikerain_edge.spec import ModelSpec


def open_probe_graph(
    engine: Engine,
    content: bytes,
    origin: str,
    provider: str,
    threads: int | None = None,
    *,
    spin: bool = True,
) -> GraphEngine:
    """Opens the probe graph of a model.

    Args:
        engine: the model.
        content: the ONNX file of the probe graph.
        origin: name of the file in messages.
        provider: as for `open_graph`.
        threads: CPU threads; all cores if None.
        spin: as for `OnnxRuntimeEngine`.

    Raises:
        ModelError: the probe graph cannot be loaded or belongs to another model.
    """
    prober = open_graph(content, origin, provider, threads, spin=spin)
    require_same_network(engine.spec, prober.spec, origin)
    return prober


def require_same_network(graph: ModelSpec, probe: ModelSpec, origin: str) -> None:
    """Checks that a probe graph belongs to a model; it replaces the graph on sampled frames.

    Args:
        graph: description of the model's graph.
        probe: description of the probe graph.
        origin: name of the probe graph in messages.

    Raises:
        ModelError: the probe graph belongs to another model or is not a probe graph.
    """
    if not probe.probe or _identity(graph) != _identity(probe):
        raise ModelError(
            f"{origin} is not the probe graph of the model {graph.name}",
            "export both again: spikerain-edge export MODEL, or delete the probe graph to run "
            "without firing rates",
        )


def _identity(spec: ModelSpec) -> tuple[object, ...]:
    """Returns the fields that the graph and the probe graph of one export share."""
    network = (spec.weights_sha256, spec.variant, spec.timesteps, spec.previous_input)
    export = (spec.precision, spec.target, spec.source_sha256)
    return (*network, *export, spec.batch, spec.height, spec.width)
