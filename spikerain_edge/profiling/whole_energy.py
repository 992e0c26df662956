"""Estimated energy with memory traffic, beside a quantised ANN of the same topology.

Energy of operations alone flatters spiking networks: weights, currents and membrane potentials move
at every timestep. The fair rival transmits as much per activation: an ANN whose activations have
`ceil(log2(T + 1))` bits, as many as a count of T spikes needs, and which runs once (Z. Yan, Z. Bai
and W.-F. Wong, Reconsidering the energy efficiency of spiking neural networks, arXiv 2409.08290).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from spikerain_edge.profiling.energy_records import EnergyParts, WholeEnergy
from spikerain_edge.profiling.memory_prices import PRECISIONS, MemoryPrices, Precision
from spikerain_edge.profiling.operations import GraphCount, LayerCount
from spikerain_edge.profiling.spikes import Spikes, neuron_count
from spikerain_edge.spec import ModelSpec

_BITS = 8


@dataclass(frozen=True)
class Parts:
    """Picojoules by what they are spent on.

    Attributes:
        compute: convolutions.
        memory: weights, activations, currents and membrane potentials read and written.
        neurons: updates of neurons, or quantisation of activations.
    """

    compute: float = 0.0
    memory: float = 0.0
    neurons: float = 0.0

    @property
    def total(self) -> float:
        """All of them."""
        return self.compute + self.memory + self.neurons

    def __add__(self, other: Parts) -> Parts:
        return Parts(
            self.compute + other.compute, self.memory + other.memory, self.neurons + other.neurons
        )


@dataclass(frozen=True)
class Comparison:
    """A spiking network and its rival in one precision, picojoules per frame.

    Attributes:
        precision: number format of weights.
        spiking: the network as it is.
        rival: the quantised ANN.
        break_even_rate: mean firing rate of neurons at which both cost the same; None if the
            spiking network would cost more even without spikes.
        layers: break-even firing rate of the input of each spiking convolution, likewise.
        paying: names of the spiking convolutions whose input fires less than that.
    """

    precision: Precision
    spiking: Parts
    rival: Parts
    break_even_rate: float | None
    layers: Mapping[str, float | None]
    paying: Sequence[str]


def activation_bits(timesteps: int) -> int:
    """Bits of an activation that says how many of T timesteps had a spike."""
    return math.ceil(math.log2(timesteps + 1))


def rival_name(bits: int) -> str:
    """What the rival with activations of so many bits is, after "as" or "beside".

    An ANN with one bit fires where the network does. Only its operations differ.
    """
    return "a quantised ANN" if bits > 1 else "the same network with multiplications"


def compare(
    spec: ModelSpec, count: GraphCount, spikes: Spikes, prices: MemoryPrices, precision: Precision
) -> Comparison:
    """Compares the spiking network with its rival.

    Each tensor moves once per timestep from where it lies: weights are read; spikes (one bit) are
    written and read; currents, the sums that charge a membrane, are written and read; membrane
    potentials are read and written. The rival moves the same tensors once, with activations in
    place of spikes and no membrane potentials. A neuron costs a multiply-accumulate (leak and
    charge) and an accumulation (threshold) per timestep, a quantiser a multiply-accumulate.
    Analogue convolutions cost both the same.

    Args:
        spec: the model.
        count: its operations at an image size.
        spikes: its spikes at that size.
        prices: what operations and memory cost.
        precision: number format of weights.
    """
    fixed, rival = without_spikes(spec, count, prices, precision)
    spiking = [view for view in _views(spec, count, prices, precision) if view.layer.spiking]
    fired = sum(view.fired(spikes.input_rates[view.layer.name]) for view in spiking)
    layers = {view.layer.name: view.break_even for view in spiking}
    return Comparison(
        precision=precision,
        spiking=fixed + Parts(compute=fired),
        rival=rival,
        break_even_rate=break_even(spikes.rate, fired, rival.total - fixed.total),
        layers=layers,
        paying=[
            name
            for name, rate in layers.items()
            if rate is not None and spikes.input_rates[name] < rate
        ],
    )


def without_spikes(
    spec: ModelSpec, count: GraphCount, prices: MemoryPrices, precision: Precision
) -> tuple[Parts, Parts]:
    """Returns what does not depend on spikes; see `compare`.

    Returns:
        The spiking network when no neuron fires, and its rival.
    """
    views = _views(spec, count, prices, precision)
    neurons = sum(neuron_count(layer, count.height, count.width) for layer in spec.neurons)
    shared = sum((view.analogue for view in views if not view.layer.spiking), Parts())
    spiking = [view for view in views if view.layer.spiking]
    silent = sum((view.silent for view in spiking), shared)
    rival = sum((view.rival for view in spiking), shared)
    return (
        silent + _neurons(neurons, spec.timesteps, prices, precision),
        rival + _quantisers(neurons, spec.timesteps, prices, precision),
    )


def break_even(rate: float, fired: float, spare: float) -> float | None:
    """Returns the firing rate at which the spiking network costs as much as its rival.

    Args:
        rate: firing rate of all neurons.
        fired: picojoules of accumulations at this rate.
        spare: picojoules of the rival less those of the network when no neuron fires.
    """
    return rate * spare / fired if fired > 0 and spare > 0 else None


def compare_all(spec: ModelSpec, count: GraphCount, spikes: Spikes) -> list[Comparison]:
    """Compares in every precision, at the prices that come with the package; see `compare`."""
    prices = MemoryPrices.load()
    return [compare(spec, count, spikes, prices, precision) for precision in PRECISIONS]


def whole_energy(comparison: Comparison) -> WholeEnergy:
    """Returns a comparison as the report holds it, in millijoules."""
    return WholeEnergy(
        precision=comparison.precision,
        spiking=_millijoules(comparison.spiking),
        quantised_ann=_millijoules(comparison.rival),
        ratio=comparison.rival.total / comparison.spiking.total,
        break_even_rate=comparison.break_even_rate,
        paying_layers=len(comparison.paying),
    )


def _millijoules(parts: Parts) -> EnergyParts:
    return EnergyParts(
        compute=parts.compute * 1e-9,
        memory=parts.memory * 1e-9,
        neurons=parts.neurons * 1e-9,
        total=parts.total * 1e-9,
    )


def _views(
    spec: ModelSpec, count: GraphCount, prices: MemoryPrices, precision: Precision
) -> list[_Layer]:
    return [_Layer(layer, spec.timesteps, prices, precision) for layer in count.layers]


class _Layer:
    """One convolution, picojoules per frame.

    Args:
        layer: its counts over all timesteps.
        timesteps: T.
        prices: what operations and memory cost.
        precision: number format of weights.
    """

    def __init__(
        self, layer: LayerCount, timesteps: int, prices: MemoryPrices, precision: Precision
    ) -> None:
        self.layer = layer
        self._timesteps = timesteps
        self._prices, self._precision = prices, precision
        weights = layer.weights * prices.weight_bytes(precision)
        self._weights = weights * prices.byte(weights)
        # Feature maps, currents and spikes of images lie in the largest memory.
        self._currents = 2 * layer.outputs * prices.state_bytes(precision) * prices.largest

    @property
    def analogue(self) -> Parts:
        """A convolution that reads no spikes."""
        read = self.layer.inputs * self._prices.state_bytes(self._precision) * self._prices.largest
        memory = self._weights + read + self._currents
        return Parts(self.layer.macs * self._prices.mac(self._precision), memory)

    @property
    def silent(self) -> Parts:
        """A spiking convolution whose input never fires."""
        spikes = self.layer.inputs / _BITS * self._prices.largest
        return Parts(memory=self._timesteps * self._weights + spikes + self._currents)

    @property
    def rival(self) -> Parts:
        """The same convolution on activations, once."""
        bits = activation_bits(self._timesteps)
        activations = self.layer.inputs * bits / _BITS * self._prices.largest
        memory = self._weights + (activations + self._currents) / self._timesteps
        macs = self.layer.macs / self._timesteps
        return Parts(macs * self._prices.mac(self._precision), memory)

    @property
    def break_even(self) -> float | None:
        """Firing rate of its input at which it costs as much as the rival; None if there is none.

        Neurons are not part of it: several convolutions may read the same ones.
        """
        spare = self.rival.total - self.silent.total
        return spare / self.fired(1.0) if spare > 0 else None

    def fired(self, rate: float) -> float:
        """What accumulations cost at a firing rate of the input."""
        return self.layer.macs * rate * self._prices.accumulate(self._precision)


def _neurons(count: int, timesteps: int, prices: MemoryPrices, precision: Precision) -> Parts:
    update = prices.mac(precision) + prices.accumulate(precision)
    moved = 2 * prices.state_bytes(precision) + 1 / _BITS
    updates = timesteps * count
    return Parts(memory=updates * moved * prices.largest, neurons=updates * update)


def _quantisers(count: int, timesteps: int, prices: MemoryPrices, precision: Precision) -> Parts:
    moved = activation_bits(timesteps) / _BITS
    return Parts(memory=count * moved * prices.largest, neurons=count * prices.mac(precision))
