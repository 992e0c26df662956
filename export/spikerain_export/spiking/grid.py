"""Rounds weights to a power-of-two grid, so that sums do not depend on their order.

A sum of spikes times weights is exact in float32 if all weights are multiples of `2**-bits` and
the sum has at most 24 bits. Then every simulator computes the same potentials, bit by bit, however
it orders the additions. The embedding reads pixels of up to 255, so its grid is 8 bits finer.
"""

from __future__ import annotations

import math

import numpy as np
import onnx
from onnx import numpy_helper

from spikerain_edge.errors import InputError
from spikerain_export.builder import Array
from spikerain_export.origin import Graph
from spikerain_export.spiking.network import IMAGE, Convolution, Neurons, SpikingNetwork

_PIXEL_BITS = 8
_MANTISSA = 24


def on_grid(graph: Graph, network: SpikingNetwork, bits: int) -> Graph:
    """Returns a copy of a graph whose convolutions have weights and biases on the grid.

    Args:
        graph: an unrolled FP32 graph.
        network: its neurons and convolutions.
        bits: the grid is `2**-bits`, and `2**-(bits + 8)` for convolutions of the image.
    """
    model = onnx.ModelProto()
    model.CopyFrom(graph.model)
    image = {
        each.name
        for neurons in network.neurons.values()
        for each in neurons.currents
        if each.source == IMAGE
    }
    read = {name for node in model.graph.node if node.op_type == "Conv" for name in node.input[1:]}
    for tensor in model.graph.initializer:
        if tensor.name in read:
            fine = tensor.name.rpartition("/")[0] in image
            step = 2.0 ** -(bits + _PIXEL_BITS * fine)
            rounded = np.round(numpy_helper.to_array(tensor) / step) * step
            made = numpy_helper.from_array(rounded.astype(np.float32), tensor.name)
            tensor.CopyFrom(made)
    return Graph(model, graph.spec)


def require_exact(network: SpikingNetwork, bits: int) -> None:
    """Checks that no potential of a network on the grid can need more than 24 bits.

    A potential is at most twice the largest current `I`. Simulators also compute `2 I - V`, at most
    four times as large. Every timestep halves the smallest part of a potential once more.

    Args:
        network: the network, on the grid.
        bits: as in `on_grid`.

    Raises:
        InputError: a potential could need more bits; the message says how many are too many.
    """
    needed = max(
        (_bits_needed(neurons, network.timesteps, bits), neurons.name)
        for neurons in network.neurons.values()
    )
    excess = needed[0] - _MANTISSA
    if excess > 0:
        raise InputError(
            f"with --grid {bits}, potentials of {needed[1]} could need {needed[0]} bits; float32 "
            f"has {_MANTISSA}",
            f"use a coarser grid: --grid {bits - excess}",
        )


def _bits_needed(neurons: Neurons, timesteps: int, bits: int) -> int:
    largest = 4 * np.max(sum(_largest(each) for each in neurons.currents))
    fine = any(each.source == IMAGE for each in neurons.currents)
    finest = bits + _PIXEL_BITS * fine + timesteps - 1
    return math.ceil(math.log2(max(largest, 2.0**-bits))) + finest


def _largest(convolution: Convolution) -> Array:
    """Returns the largest absolute value of each output channel (outputs,)."""
    peak = 255.0 if convolution.source == IMAGE else 1.0
    offset = 0.0 if convolution.bias is None else np.abs(convolution.bias)
    return np.asarray(peak * np.abs(convolution.weight).sum(axis=(1, 2, 3)) + offset)
