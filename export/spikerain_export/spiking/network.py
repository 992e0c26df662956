"""A network of LIF neurons and convolutions only, as spiking simulators have them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from spikerain_export.builder import Array

IMAGE, FEATURES = "image", "features"
"""Sources of the convolutions that read no spikes: the first, and the last of a network."""


@dataclass(frozen=True, eq=False)
class Convolution:
    """A convolution of the spikes of one neuron layer, and a pixel-shuffle.

    Attributes:
        name: path of the convolution in the network.
        source: the neuron layer, `IMAGE` or `FEATURES`.
        weight: float32 (outputs * shuffle**2, inputs, k, k).
        bias: float32 (outputs * shuffle**2,), or None.
        stride: stride in both directions.
        padding: zeros on each side.
        shuffle: factor of the pixel-shuffle after the convolution.
    """

    name: str
    source: str
    weight: Array
    bias: Array | None
    stride: int = 1
    padding: int = 0
    shuffle: int = 1


@dataclass(frozen=True)
class Neurons:
    """A layer of LIF neurons; its current is the sum of convolutions.

    Attributes:
        name: path of the layer in the network.
        channels: feature channels.
        scale: image pixels per neuron, in each direction.
        currents: the convolutions.
        spikes: names of its spike tensors in the graph, one per timestep.
    """

    name: str
    channels: int
    scale: int
    currents: tuple[Convolution, ...]
    spikes: tuple[str, ...]


@dataclass(frozen=True)
class Readout:
    """The output of a network: its last convolution reads features at every timestep.

    `restored = image + sum over t of time_weights[t] * convolution(features[t])`

    Attributes:
        features: the features are the sum of these convolutions.
        convolution: the last convolution; it makes BGR in 0..255.
        time_weights: float64 (T,), with the sum 1.
        residual: name of the sum in the graph, (1, H, W, 3).
    """

    features: tuple[Convolution, ...]
    convolution: Convolution
    time_weights: Array
    residual: str

    @property
    def scale(self) -> int:
        """Image pixels per feature pixel, in each direction."""
        return self.convolution.shuffle


@dataclass(frozen=True)
class SpikingNetwork:
    """A whole network; its neurons start at a potential of zero.

    `V[t] = V[t-1] / 2 + I[t]`, a spike where `V[t] >= threshold`, then `V[t] = 0`.

    Attributes:
        name: name of the model.
        timesteps: number of timesteps; the image is the input at each.
        threshold: firing threshold.
        neurons: its layers by name, each after the layers that it reads.
        readout: its output.
        weights_sha256: digest of the trained weights.
    """

    name: str
    timesteps: int
    threshold: float
    neurons: Mapping[str, Neurons] = field(repr=False)
    readout: Readout = field(repr=False)
    weights_sha256: str = ""
