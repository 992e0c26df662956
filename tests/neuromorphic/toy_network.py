"""A small spiking network: a stride, an upsampling, and edges that skip layers.

The last layer has four neurons for each pixel of the coarse layer, which is how an upsampling is a
convolution.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spikerain_edge.neuromorphic.convolution import Conv2d, Floats
from spikerain_edge.neuromorphic.graph import Graph, Input, Neurons, Node, Output
from spikerain_edge.neuromorphic.reference import Spikes
from spikerain_edge.neuromorphic.unrolling import Cells

TIMESTEPS = 4
SIDE = 8


def toy_network(seed: int = 0) -> Graph:
    """Returns a network whose weights are multiples of 2**-6, so that float32 sums are exact."""
    rng = np.random.default_rng(seed)

    def convolution(outputs: int, inputs: int, side: int, stride: int = 1) -> Conv2d:
        weight = _grid(rng.normal(0.02, 0.15, (outputs, inputs, side, side)))
        bias = _grid(rng.normal(0, 0.05, outputs))
        return Conv2d(weight, bias, (stride, stride), ((side - 1) // 2,) * 2)

    nodes: dict[str, Node] = {
        "image": Input((3, SIDE, SIDE)),
        "embed": convolution(4, 3, 3),
        "fine": _neurons(4, SIDE),
        "down": convolution(6, 4, 3, stride=2),
        "coarse": _neurons(6, SIDE // 2),
        "up": convolution(16, 6, 3),
        "skip": convolution(16, 4, 2, stride=2),
        "again": convolution(16, 3, 2, stride=2),
        "decoded": _neurons(16, SIDE // 2),
        "read": convolution(12, 16, 3),
        "picture": Output(),
    }
    edges = [
        ("image", "embed"),
        ("embed", "fine"),
        ("fine", "down"),
        ("down", "coarse"),
        ("coarse", "up"),
        ("up", "decoded"),
        ("fine", "skip"),
        ("skip", "decoded"),
        ("image", "again"),
        ("again", "decoded"),
        ("decoded", "read"),
        ("read", "picture"),
    ]
    return Graph(nodes, edges)


def toy_image(seed: int = 0) -> Floats:
    """Returns an image for the network, on the same grid as its weights."""
    return _grid(np.random.default_rng(seed + 1).uniform(0, 1, (3, SIDE, SIDE)))


def _grid(values: object) -> Floats:
    return np.float32(np.rint(np.asarray(values) * 64) / 64)


def _neurons(channels: int, side: int) -> Neurons:
    ones = np.ones((channels, side, side), np.float32)
    return Neurons(decay=ones / 2, gain=ones, threshold=ones * np.float32(0.15))


def one_weight_doubled(cells: Cells, spikes: Spikes) -> Cells:
    """Doubles the weight of a synapse from a cell that spikes to one that does not.

    Args:
        cells: the network.
        spikes: what its cells do, `(T, cells)`.
    """
    fired = spikes.any(axis=0)
    shown = np.flatnonzero(fired[cells.source] & ~fired[cells.target])
    weight = cells.weight.copy()
    weight[shown[0]] *= 2
    return replace(cells, weight=weight)
