"""Chooses the grid of every neuron layer, and lays its convolutions out on it."""

from __future__ import annotations

from dataclasses import dataclass

from spikerain_export.spiking.network import FEATURES, IMAGE, Convolution, SpikingNetwork
from spikerain_export.spiking.packing import CellConvolution, Layout, packed_convolution


@dataclass(frozen=True)
class Arrangement:
    """The layouts of all maps of a network.

    A convolution cannot make smaller cells than those that it reads. So each map has the cells of
    the coarsest layer that reaches it, or one pixel per cell if it is coarser than that.

    Attributes:
        layers: layout of each neuron layer by its name, and of `IMAGE` and `FEATURES`.
    """

    layers: dict[str, Layout]

    @classmethod
    def of(cls, network: SpikingNetwork) -> Arrangement:
        """Chooses the layouts of a network."""
        layers = {IMAGE: Layout(1, 1)}

        def layout(scale: int, currents: tuple[Convolution, ...]) -> Layout:
            return Layout(scale, max(scale, *(layers[each.source].cell for each in currents)))

        for neurons in network.neurons.values():
            layers[neurons.name] = layout(neurons.scale, neurons.currents)
        layers[FEATURES] = layout(network.readout.scale, network.readout.features)
        return cls(layers)

    def convolution(self, convolution: Convolution, cell: int) -> CellConvolution:
        """Lays a convolution out, towards cells of `cell` image pixels."""
        source = self.layers[convolution.source]
        scale = source.scale * convolution.stride // convolution.shuffle
        return packed_convolution(
            convolution.weight,
            source,
            Layout(scale, cell),
            convolution.padding,
            stride=convolution.stride,
            shuffle=convolution.shuffle,
        )
