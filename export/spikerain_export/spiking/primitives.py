"""Checks that a network consists of neurons and convolutions, before it is read."""

from __future__ import annotations

from collections.abc import Iterator

from spikerain_edge.errors import InputError
from spikerain_export.origin import Graph
from spikerain_export.precision.graph import attributes

_REMEDY = (
    "use a network of neurons and convolutions, such as training/checkpoints/nano-spike of the "
    "source code"
)


def require_primitives(graph: Graph) -> None:
    """Checks that NIR can express a network.

    Raises:
        InputError: the network has gates, bilinear upsampling, a second input or neurons with
            another time constant; the message names them.
    """
    spec = graph.spec
    parts = dict.fromkeys(_obstacles(graph))
    if parts:
        raise InputError(
            f"{spec.name} cannot be exported to NIR or run on spiking simulators, which have "
            "only neurons and convolutions; it "
            f"has {' and '.join(', '.join(parts).rsplit(', ', 1))}",
            _REMEDY,
        )


def _obstacles(graph: Graph) -> Iterator[str]:
    if graph.spec.reads_video:
        yield "a previous frame as second input"
    if graph.spec.tau != 2:
        yield f"neurons with tau = {graph.spec.tau:g} (only tau = 2 is supported)"
    for node in graph.model.graph.node:
        if node.op_type == "Sigmoid" and node.name != "share":
            yield _gate(node.name)
        if node.op_type == "Resize" and attributes(node)["mode"] != b"nearest":
            yield "bilinear upsampling"


def _gate(name: str) -> str:
    if ".attention" in name:
        return "attention gates (MDSA)"
    if name.startswith("enhance"):
        return "enhancement gates (ARFE)"
    return f"the gate {name}"
