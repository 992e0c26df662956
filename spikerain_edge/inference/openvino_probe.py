"""Reorders a probe graph for OpenVINO, which computes outputs one after another.

All firing rates come after the picture, and all silent channels after the rates. Until then every
spike of the network stays in memory. Joined into one vector, in the order of the layers, both are
computed where the spikes are made. The values do not change.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from spikerain_edge.spec import ModelSpec


def count_early(model: Any, spec: ModelSpec) -> Any:
    """Returns a probe graph whose outputs hold the same values and need less memory.

    Args:
        model: the probe graph, an `openvino.Model`.
        spec: its description.
    """
    results = {next(iter(each.input_value(0).names)): each for each in model.get_results()}
    rates = _vector(results[spec.rates_output])
    silent = _vector(results[spec.silent_output])
    layers, steps = len(spec.neurons), spec.timesteps
    if (rates.get_input_size(), silent.get_input_size()) != (layers * steps, layers):
        return model
    ops, library = importlib.import_module("openvino.opset13"), importlib.import_module("openvino")
    order = np.arange(layers * (steps + 1)).reshape(layers, steps + 1)
    parts = [
        node.input_value(index)
        for layer in range(layers)
        for node, index in [*((rates, layer * steps + t) for t in range(steps)), (silent, layer)]
    ]
    joined = ops.concat(parts, 0)
    picked = [
        (spec.rates_output, ops.gather(joined, order[:, :steps].copy(), 0)),
        (spec.silent_output, ops.gather(joined, order[:, steps].copy(), 0)),
    ]
    for name, node in picked:
        node.output(0).set_names({name})
    counts = [ops.result(node) for _, node in picked]
    picture = results[spec.image_output]
    return library.Model([*counts, picture], model.get_parameters(), model.get_friendly_name())


def _vector(result: Any) -> Any:
    """The concatenation that an output is made of."""
    node = result.input_value(0).get_node()
    while node.get_type_name() == "Reshape":
        node = node.input_value(0).get_node()
    return node
