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
    """Checks that no sum in a network on the grid can need more than 24 bits.

    Args:
        network: the network, on the grid.
        bits: as in `on_grid`.

    Raises:
        InputError: a sum could need more bits; the message says which grid is coarse enough.
    """
    needed, layer = max(
        (_bits_needed(neurons, network, bits), neurons.name) for neurons in network.neurons.values()
    )
    excess = needed - _MANTISSA
    if excess > 0:
        raise InputError(
            f"with --grid {bits}, potentials of {layer} could need {needed} bits; float32 has "
            f"{_MANTISSA}",
            f"use a coarser grid: --grid {bits - excess}" if bits > excess else "leave out --grid",
        )


def _bits_needed(neurons: Neurons, network: SpikingNetwork, bits: int) -> int:
    """Returns the bits of the longest sum of a layer.

    With currents between `-low` and `high`, a potential is at least `-low * (1 + 1/2 + 1/4 ...)`,
    and at most `high + threshold / 2`, since it is reset above the threshold. Its smallest part
    is halved by every timestep but the first. Simulators also compute `2 I - V`.
    """
    fine = any(each.source == IMAGE for each in neurons.currents)
    low, high = np.sum([_range(each) for each in neurons.currents], axis=0)
    steps = network.timesteps
    deepest, before = (low * (2 - 2.0 ** (1 - t)) if t else 0 * low for t in (steps, steps - 1))
    potential = np.maximum(deepest, high + network.threshold / 2).max()
    doubled = np.maximum(2 * high + before, 2 * low + network.threshold).max()
    finest = bits + _PIXEL_BITS * fine + steps - 1
    return math.ceil(max(math.log2(potential) + finest, math.log2(doubled) + finest - 1))


def _range(convolution: Convolution) -> Array:
    """Returns how far below and above zero each output channel can be (2, outputs)."""
    peak = 255.0 if convolution.source == IMAGE else 1.0
    weight = peak * convolution.weight
    bias = np.zeros(len(weight)) if convolution.bias is None else convolution.bias
    return np.stack(
        [
            np.maximum(sign * weight, 0).sum(axis=(1, 2, 3)) + np.maximum(sign * bias, 0)
            for sign in (-1, 1)
        ]
    )
