"""What a frame would need on a neuromorphic chip, from published figures per operation.

energy = synaptic operations * energy of one + neurons * T * energy of an update
cores  = sum over layers of ceil(neurons / neurons of a core)
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from spikerain_edge.profiling.neuromorphic_records import Neuromorphic, OnChip
from spikerain_edge.profiling.operations import GraphCount
from spikerain_edge.profiling.records import Size
from spikerain_edge.profiling.spikes import Spikes, neuron_count
from spikerain_edge.spec import ModelSpec

_MEANING = (
    "Arithmetic from published figures per operation, not a measurement: nothing was run on a "
    "chip. Left out: sending spikes between cores, idle power, and memory for synapses, which may "
    "need more cores than the neurons do. Analogue convolutions, attention and upsampling stay on "
    "a host, whose energy is not counted."
)


@dataclass(frozen=True)
class Chip:
    """Published figures of a chip.

    Attributes:
        name: what it is called.
        synaptic_operation_pj: picojoules of a synaptic operation.
        neuron_update_pj: picojoules of an update of a neuron in a timestep.
        neurons_per_core: neurons that a core holds.
        cores_per_chip: cores that hold neurons.
        source: what was read where, and what nobody has checked.
    """

    name: str
    synaptic_operation_pj: float
    neuron_update_pj: float
    neurons_per_core: int
    cores_per_chip: int
    source: str

    @classmethod
    def all(cls) -> list[Chip]:
        """Reads the chips that come with the package."""
        path = Path(__file__).with_name("neuromorphic.json")
        return [cls(**figures) for figures in json.loads(path.read_text()).values()]


def on_chip(spec: ModelSpec, size: Size, count: GraphCount, spikes: Spikes, chip: Chip) -> OnChip:
    """Computes what a frame needs on a chip.

    Args:
        spec: the model.
        size: height and width that were asked for.
        count: its operations at that size.
        spikes: its spikes at that size.
        chip: published figures.
    """
    layers = [neuron_count(layer, count.height, count.width) for layer in spec.neurons]
    neurons = sum(layers)
    cores = sum(math.ceil(layer / chip.neurons_per_core) for layer in layers)
    synapses = spikes.total_operations * chip.synaptic_operation_pj * 1e-9
    updating = neurons * spec.timesteps * chip.neuron_update_pj * 1e-9
    return OnChip(
        imgsz=size,
        chip=chip.name,
        neurons=neurons,
        spikes=spikes.per_frame,
        gsops=spikes.total_operations * 1e-9,
        updates=neurons * spec.timesteps,
        cores=cores,
        chips=math.ceil(cores / chip.cores_per_chip),
        synapses_mj=synapses,
        neurons_mj=updating,
        energy_mj=synapses + updating,
        host_gmacs=count.analog_macs * 1e-9,
    )


def neuromorphic(spec: ModelSpec, found: Sequence[tuple[Size, GraphCount, Spikes]]) -> Neuromorphic:
    """Computes what frames of several sizes need on every known chip.

    Args:
        spec: the model.
        found: sizes with their operations and spikes.
    """
    chips = Chip.all()
    return Neuromorphic(
        meaning=_MEANING,
        sources=[f"{chip.name}: {chip.source}" for chip in chips],
        rows=[on_chip(spec, *each, chip) for each in found for chip in chips],
    )
