"""Spikes and synaptic operations on an image of a size, from firing rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spikerain_edge.inference import Activity
from spikerain_edge.inference.engine import Rates
from spikerain_edge.parts import NeuronLayer
from spikerain_edge.profiling.operations import GraphCount
from spikerain_edge.spec import ModelSpec


@dataclass(frozen=True)
class Spikes:
    """Spikes and synaptic operations of the neurons, from which energy is computed.

    Attributes:
        per_frame: emitted spikes.
        rate: share of neurons that fire in a timestep.
        operations: synaptic operations by spiking layer.
        input_rates: mean firing rate of what each spiking layer reads.
    """

    per_frame: float
    rate: float
    operations: dict[str, float]
    input_rates: dict[str, float]

    @property
    def total_operations(self) -> float:
        """Synaptic operations of the frame."""
        return sum(self.operations.values())


def count_spikes(spec: ModelSpec, count: GraphCount, activity: Activity) -> Spikes:
    """Computes `SOPs = dense MACs * firing rate of the input` of every spiking convolution."""
    rates = spec.input_rates(activity.rates)
    return Spikes(
        per_frame=spikes_per_frame(spec, activity.rates, count.height, count.width),
        rate=firing_rate(spec, activity.rates),
        operations={
            layer.name: layer.macs * rates[layer.name] for layer in count.layers if layer.spiking
        },
        input_rates=rates,
    )


def mean_activity(activities: Sequence[Activity]) -> Activity:
    """Returns the mean over images of one size."""
    return Activity(
        np.mean([each.rates for each in activities], axis=0),
        np.mean([each.silent for each in activities], axis=0),
    )


def neuron_count(layer: NeuronLayer, height: int, width: int) -> int:
    """Counts the neurons of a layer on a (padded) image."""
    return layer.channels * height * width // layer.reduction


def spikes_per_frame(spec: ModelSpec, rates: Rates, height: int, width: int) -> float:
    """Counts the spikes that all neurons emit over all timesteps.

    Each feature is turned into spikes once, as the graph does; the network as published repeats
    neurons whose spikes are the same.

    Args:
        spec: the model.
        rates: firing rates, float32 (layers, T).
        height: rows of the (padded) image.
        width: columns of the (padded) image.
    """
    totals = rates.sum(axis=1, dtype=np.float64)
    return sum(
        neuron_count(layer, height, width) * float(total)
        for layer, total in zip(spec.neurons, totals, strict=True)
    )


def firing_rate(spec: ModelSpec, rates: Rates) -> float:
    """Returns the share of all neurons that fire in a timestep; rates (layers, T)."""
    sizes = np.array([layer.channels / layer.reduction for layer in spec.neurons])
    return float(sizes @ rates.mean(axis=1, dtype=np.float64) / sizes.sum())
