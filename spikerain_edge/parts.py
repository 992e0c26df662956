"""Parts of a network: neuron layers, convolutions and global poolings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

# Values that files may contain: printable text, and finite numbers that float64 represents exactly.
_MAX_NUMBER = 1 << 53
Label = Annotated[str, Meta(pattern=r"\A[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]{0,1000}\Z")]
Count = Annotated[int, Meta(ge=0, le=_MAX_NUMBER)]
Positive = Annotated[int, Meta(ge=1, le=_MAX_NUMBER)]
Amount = Annotated[float, Meta(ge=0, le=_MAX_NUMBER)]


@dataclass(frozen=True)
class NeuronLayer:
    """One layer of LIF (leaky integrate-and-fire) neurons.

    Attributes:
        name: path of the layer in the network.
        channels: feature channels.
        reduction: image pixels per neuron of a channel; 16 means a quarter of height and width.
        spikes: names of the spike tensors in the graph, one per timestep, with values 0 and 1.
    """

    name: Label
    channels: Positive
    reduction: Positive
    spikes: tuple[Label, ...]


@dataclass(frozen=True)
class Elements:
    """Number of tensor elements, over all timesteps.

    Attributes:
        per_pixel: elements per pixel of the (padded) image.
        per_image: elements that do not depend on the image size.
        element_bytes: bytes per element, for the tensor's type in the graph.
    """

    per_pixel: Amount
    per_image: Count
    element_bytes: Count

    def count(self, height: int, width: int) -> int:
        """Elements for an image whose height and width are multiples of the stride."""
        return round(self.per_pixel * height * width) + self.per_image


@dataclass(frozen=True)
class Operation:
    """One convolution. Costs cover all timesteps and assume a dense input.

    Attributes:
        name: path of the convolution in the network.
        macs_per_pixel: multiply-accumulates per pixel of the (padded) image.
        macs_per_image: multiply-accumulates that do not depend on the image size.
        neurons: neuron layers whose spikes are the input, in channel order; empty for an analogue
            input.
        reads: elements of the input.
        writes: elements of the output.
        weights: number of weights and biases, which all timesteps share.
        weight_bytes: bytes of weights and biases, for their types in the graph.
        biased: whether there is a bias. A spiking convolution has one if a batch norm was folded
            into it.
    """

    name: Label
    macs_per_pixel: Amount
    macs_per_image: Count
    neurons: tuple[Label, ...]
    reads: Elements
    writes: Elements
    weights: Count
    weight_bytes: Count
    biased: bool

    @property
    def spiking(self) -> bool:
        """Whether the input consists of spikes."""
        return bool(self.neurons)

    def macs(self, height: int, width: int) -> float:
        """Dense multiply-accumulates for an image of this size."""
        return self.macs_per_pixel * height * width + self.macs_per_image


@dataclass(frozen=True)
class Pooling:
    """One global average pooling.

    Attributes:
        name: path of the pooling in the network.
        reads_per_pixel: elements of the input over all timesteps, per pixel of the (padded) image.
        channels: elements of the output per timestep.
    """

    name: Label
    reads_per_pixel: Amount
    channels: Positive
