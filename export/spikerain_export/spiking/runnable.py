"""Turns a NIR graph into a network that runs on simulators of spiking networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nir
import numpy as np

from spikerain_edge.errors import ModelError
from spikerain_edge.neuromorphic.convolution import Conv2d, Floats
from spikerain_edge.neuromorphic.experiment import SpikingModel
from spikerain_edge.neuromorphic.graph import REMEDY, Graph, Input, Neurons, Node, Output
from spikerain_export.spiking.nir_file import read_nir
from spikerain_export.spiking.nir_graph import metadata_of

_MOST_TIMESTEPS = 32


def read_runnable(path: Path) -> SpikingModel:
    """Reads a NIR file that `spikerain-edge export` wrote.

    Raises:
        InputError: the file does not exist.
        ModelError: the file is damaged, or is not a network that removes rain.
    """
    return runnable(read_nir(path), str(path))


def runnable(graph: nir.NIRGraph, origin: str) -> SpikingModel:
    """Returns the network of a NIR graph.

    A LIF node `tau dV/dt = (v_leak - V) + r I` becomes `V = (1 - dt / tau) V + (r dt / tau) I`,
    which is exact for the graphs that `nir_graph` writes.

    Args:
        graph: convolutions and LIF neurons, with the metadata of `nir_graph`.
        origin: its name in messages.

    Raises:
        ModelError: the graph does not have these metadata, or cannot be run exactly.
    """
    found = metadata_of(graph)
    try:
        weights = np.asarray(found["time_weights"], np.float64)
        dt, cell, name = float(found["dt"]), int(found["cell"]), str(found["model"])
    except (KeyError, TypeError, ValueError) as error:
        raise _unusable(
            origin, f"its metadata do not describe a picture: missing or wrong: {error}"
        ) from error
    if weights.ndim != 1 or not 0 < len(weights) <= _MOST_TIMESTEPS or not cell > 0:
        raise _unusable(
            origin, "its metadata do not describe a picture: time_weights or cell is wrong"
        )
    try:
        nodes = {key: _node(node, np.float32(dt)) for key, node in graph.nodes.items()}
    except ValueError as error:
        raise _unusable(origin, str(error)) from error
    made = Graph(nodes, [(str(source), str(target)) for source, target in graph.edges])
    channels, rows, columns = made.shapes[made.input]
    if channels != 3 or rows % cell or columns % cell:
        raise _unusable(origin, "its input is not a BGR picture of whole cells")
    if made.shapes[made.output] != (3 * cell**2, rows // cell, columns // cell):
        raise _unusable(origin, "its output is not a picture of the size of its input")
    return SpikingModel(name, made, weights, cell)


def _unusable(origin: str, why: str) -> ModelError:
    return ModelError(f"{origin} cannot be run: {why}", REMEDY)


def _node(node: nir.NIRNode, dt: np.float32) -> Node:
    if isinstance(node, nir.Input):
        shape = tuple(int(length) for length in node.input_type["input"])
        if len(shape) != 3 or min(shape) < 1:
            raise ValueError(f"its input has the shape {shape}")
        return Input(shape)
    if isinstance(node, nir.Output):
        return Output()
    if isinstance(node, nir.LIF):
        return _neurons(node, dt)
    return _convolution(node)


def _neurons(node: nir.LIF, dt: np.float32) -> Neurons:
    tau, gain, threshold = (_floats(values) for values in (node.tau, node.r, node.v_threshold))
    if np.any(node.v_leak) or np.any(node.v_reset):
        raise ValueError("it has neurons that do not rest at 0, or are not reset to 0")
    if not (tau > dt).all() or not (threshold > 0).all():
        raise ValueError("it has neurons with tau <= dt, or with a threshold <= 0")
    return Neurons(1 - dt / tau, gain * (dt / tau), threshold)


def _convolution(node: nir.Conv2d) -> Conv2d:
    weight, bias = _floats(node.weight), _floats(node.bias)
    if weight.ndim != 4 or bias.shape != weight.shape[:1] or 0 in weight.shape:
        raise ValueError("the weights and biases of a convolution have wrong shapes")
    if np.any(np.asarray(node.dilation) != 1) or int(node.groups) != 1:
        raise ValueError("it has a convolution with dilation or groups")
    return Conv2d(weight, bias, _pair(node.stride, 1), _pair(node.padding, 0))


def _floats(values: Any) -> Floats:
    array = np.ascontiguousarray(values, np.float32)
    if not np.isfinite(array).all():
        raise ValueError("it has values that are not finite")
    return array


def _pair(values: Any, least: int) -> tuple[int, int]:
    vertical, horizontal = (int(value) for value in np.broadcast_to(values, (2,)))
    if min(vertical, horizontal) < least:
        raise ValueError("it has a convolution with an invalid stride or padding")
    return vertical, horizontal
