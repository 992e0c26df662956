"""Checks the graph that OpenVINO executes, which may differ from the graph in a file."""

from __future__ import annotations

from typing import Any

from spikerain_edge.errors import ModelError
from spikerain_edge.spec import ModelSpec

_INTEGER = ("i8", "u8")
# OpenVINO splits a convolution into one without its bias, of this name, and a sum.
_WITHOUT_BIAS = "/WithoutBiases"


def integer_layers(executed: Any) -> set[str]:
    """Returns the names of the nodes of a file that OpenVINO runs as integer convolutions.

    Args:
        executed: result of `CompiledModel.get_runtime_model`.
    """
    found: set[str] = set()
    for node in executed.get_ops():
        facts = node.get_rt_info()
        if facts["layerType"].astype(str) != "Convolution":
            continue
        if facts["runtimePrecision"].astype(str) in _INTEGER:
            names = facts["originalLayersNames"].astype(str).split(",")
            found.update(name.removesuffix(_WITHOUT_BIAS) for name in names)
    return found


def require_integers(executed: Any, spec: ModelSpec, origin: str) -> None:
    """Checks that every convolution on spikes runs in integers.

    OpenVINO falls back to float32 without a word where a graph does not fit its patterns.

    Args:
        executed: result of `CompiledModel.get_runtime_model`.
        spec: description of the graph.
        origin: name of the file in messages.

    Raises:
        ModelError: a convolution on spikes runs in float32.
    """
    names = integer_layers(executed)
    wanted = [
        f"{operation.name}/{t}"
        for operation in spec.operations
        if operation.spiking
        for t in range(spec.timesteps)
    ]
    missing = [name for name in wanted if name not in names]
    if missing:
        raise ModelError(
            f"OpenVINO runs {len(missing)} of {len(wanted)} spiking convolutions of {origin} in "
            f"float32, among them {missing[0]}",
            "use another version: pip install -U openvino, or the FP32 graph",
        )
