"""What a neuromorphic chip would need for a frame, as a report holds it."""

from __future__ import annotations

from typing import Annotated

from spikerain_edge.profiling.record import Record, about
from spikerain_edge.profiling.records import Size


class OnChip(Record, frozen=True):
    """A frame of one size on one kind of chip: arithmetic, not a measurement."""

    imgsz: Annotated[Size, about("height, width in pixels")]
    chip: Annotated[str, about("its name")]
    neurons: Annotated[int, about("neurons of the network")]
    spikes: Annotated[float, about("spikes of a frame, all timesteps")]
    gsops: Annotated[float, about("synaptic operations of a frame, 1e9")]
    updates: Annotated[int, about("updates of neurons of a frame: one per neuron and timestep")]
    cores: Annotated[int, about("cores that hold the neurons, at least")]
    chips: Annotated[int, about("chips with so many cores")]
    synapses_mj: Annotated[float, about("estimated millijoules of synaptic operations")]
    neurons_mj: Annotated[float, about("estimated millijoules of updates of neurons")]
    energy_mj: Annotated[float, about("both together")]
    host_gmacs: Annotated[float, about("multiply-accumulates that stay on a host, 1e9")]


class Neuromorphic(Record, frozen=True):
    """Frames on neuromorphic chips; nothing was run on them."""

    meaning: Annotated[str, about("what the figures are and are not")]
    sources: Annotated[list[str], about("where the figures of each chip were read")]
    rows: list[OnChip]
