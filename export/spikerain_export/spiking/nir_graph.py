"""Describes a spiking network as a NIR graph.

**Nodes.** One `Input`, one `Output`, and `Conv2d` and `LIF` between them. Edges into one node are
summed; only one edge leads to the `Output`, because importers do not sum there. Every node is run
once per timestep, in the order of the edges, without delay.

| node | shape | what it is |
|---|---|---|
| `input` | (3, H, W) | the rainy image, BGR, values 0 to 255, the same at every timestep |
| `Conv2d` | | reads the image, or the spikes of one `LIF`; always has a bias, often of zeros |
| `LIF` | (C * p * p, H / cell, W / cell) | one neuron per value |
| `readout` | a `Conv2d` | reads the sum of some of the convolutions (the features), no spikes |
| `output` | (3 * cell * cell, H / cell, W / cell) | the readout of one timestep |

**Neurons.** `tau = 2 dt`, `r = 1`, `v_leak = v_reset = 0`, `v_threshold` as trained, `dt` = 1e-4 s.
Importers differ in how they scale currents. With `tau = 2 dt` and `r = 1`, snnTorch, norse and
SpikingJelly compute `V + (I - V) / 2`. The network computes `V / 2 + I`. So the weights and biases
of all convolutions but `readout` are doubled, and those of `readout` that read them are halved
again (not its bias). Neurons start at `V = 0` for each image.

**Cells.** NIR has no upsampling: maps after one are stored packed (see `packing`). A `LIF` of `C`
channels with `p` phases has the channel `c * p * p + row * p + column`. Its metadata say
`layer` (path in the network), `channels` (C), `phases` (p) and `scale` (image pixels per neuron).

**Picture.** The host adds the residual to the image. With the metadata `time_weights` (T,) and
`cell`, and `pixel_shuffle` as in PyTorch:

    restored = clip(round(image + sum over t of time_weights[t] * pixel_shuffle(output[t], cell)))

The metadata of the graph also have `model`, `timesteps`, `dt`, `grid_bits` (-1 without a grid)
and `weights_sha256`.
"""

from __future__ import annotations

import math
import re
from typing import Any

import nir
import numpy as np

from spikerain_export.builder import Array
from spikerain_export.spiking.arrangement import Arrangement
from spikerain_export.spiking.network import FEATURES, IMAGE, Convolution, Neurons, SpikingNetwork

DT = 1e-4
"""Seconds per timestep, as snnTorch assumes."""
# Factor of all currents: NIR neurons with tau = 2 dt halve what they read.
_GAIN = 2
INPUT, READOUT, OUTPUT = "input", "readout", "output"


def nir_graph(
    network: SpikingNetwork, height: int, width: int, grid_bits: int | None = None
) -> nir.NIRGraph:
    """Writes a network as a NIR graph.

    Args:
        network: the network.
        height: rows of the image, a multiple of the network's stride.
        width: columns of the image, a multiple of the network's stride.
        grid_bits: the weights are multiples of `2**-grid_bits`; None without a grid.
    """
    return _Writer(network, height, width).graph(-1 if grid_bits is None else grid_bits)


class _Writer:
    """Adds one node after another; each convolution once for each grid that reads it."""

    def __init__(self, network: SpikingNetwork, height: int, width: int) -> None:
        self._network = network
        self._size = np.array([height, width])
        self._arranged = Arrangement.of(network)
        self._nodes: dict[str, nir.NIRNode] = {INPUT: nir.Input(np.array([3, height, width]))}
        self._edges: list[tuple[str, str]] = []
        self._names = {IMAGE: INPUT}
        self._made: dict[tuple[Convolution, int], str] = {}

    def graph(self, grid_bits: int) -> nir.NIRGraph:
        for neurons in self._network.neurons.values():
            self._names[neurons.name] = self._fire(neurons)
        self._read_out()
        metadata = {
            "model": self._network.name,
            "timesteps": self._network.timesteps,
            "dt": DT,
            "time_weights": self._network.readout.time_weights,
            "cell": self._arranged.layers[FEATURES].cell,
            "grid_bits": grid_bits,
            "weights_sha256": self._network.weights_sha256,
        }
        return nir.NIRGraph(self._nodes, self._edges, metadata)

    def _fire(self, neurons: Neurons) -> str:
        layout = self._arranged.layers[neurons.name]
        name = self._free(neurons.name)
        shape = (neurons.channels * layout.phases**2, *(self._size // layout.cell).tolist())

        def every(value: float) -> Array:
            return np.full(shape, value, np.float32)

        self._nodes[name] = nir.LIF(
            tau=every(2 * DT),
            r=every(1),
            v_leak=every(0),
            v_threshold=every(self._network.threshold),
            v_reset=every(0),
            metadata={
                "layer": neurons.name,
                "channels": neurons.channels,
                "phases": layout.phases,
                "scale": layout.scale,
            },
        )
        self._edges += [(self._convolve(each, layout.cell), name) for each in neurons.currents]
        return name

    def _convolve(self, convolution: Convolution, cell: int) -> str:
        """Adds a convolution that makes cells of `cell` image pixels, unless it is there."""
        if (convolution, cell) not in self._made:
            name = self._free(convolution.name)
            self._nodes[name] = self._conv2d(convolution, cell, _GAIN, _GAIN)
            self._edges.append((self._names[convolution.source], name))
            self._made[convolution, cell] = name
        return self._made[convolution, cell]

    def _read_out(self) -> None:
        readout, cell = self._network.readout, self._arranged.layers[FEATURES].cell
        node = self._conv2d(readout.convolution, cell, 1 / _GAIN, 1)
        self._nodes[READOUT] = node
        self._edges += [(self._convolve(each, cell), READOUT) for each in readout.features]
        self._nodes[OUTPUT] = nir.Output(node.output_type["output"])
        self._edges.append((READOUT, OUTPUT))

    def _conv2d(
        self, convolution: Convolution, cell: int, gain: float, bias_gain: float
    ) -> nir.Conv2d:
        made = self._arranged.convolution(convolution, cell)
        weight, shuffle = made.weight, convolution.shuffle
        channels = convolution.weight.shape[0]
        offset = np.zeros(channels) if convolution.bias is None else convolution.bias
        # Every phase of a cell has the bias of its place in the pixel-shuffle.
        tiles = math.isqrt(weight.shape[0] // channels)
        bias = np.tile(offset.reshape(-1, shuffle, shuffle), (1, tiles, tiles)).reshape(-1)
        grid = self._size // self._arranged.layers[convolution.source].cell
        return nir.Conv2d(
            input_shape=tuple(grid.tolist()),
            weight=(gain * weight).astype(np.float32),
            stride=(made.stride, made.stride),
            padding=(made.padding, made.padding),
            dilation=(1, 1),
            groups=1,
            bias=(bias_gain * bias).astype(np.float32),
        )

    def _free(self, path: str) -> str:
        """Returns an unused name of letters, digits and underscores, which every importer takes."""
        base = re.sub(r"\W+", "_", path)
        name, number = base, 1
        while name in self._nodes or name in (READOUT, OUTPUT):
            number += 1
            name = f"{base}_{number}"
        return name


def metadata_of(graph: nir.NIRGraph) -> dict[str, Any]:
    """Returns the metadata of a graph as plain values, as written or as read back."""
    return {
        key: value.item() if isinstance(value, np.generic) else value
        for key, value in graph.metadata.items()
    }
