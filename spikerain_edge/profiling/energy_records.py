"""Energy with memory traffic, as a report holds it."""

from __future__ import annotations

from typing import Annotated

from spikerain_edge.profiling.memory_prices import Precision
from spikerain_edge.profiling.record import Record, about


class EnergyParts(Record, frozen=True):
    """Estimated millijoules of a frame by what they are spent on."""

    compute: Annotated[float, about("convolutions")]
    memory: Annotated[
        float, about("weights, activations, currents and membrane potentials read and written")
    ]
    neurons: Annotated[float, about("updates of neurons, or quantisation of activations")]
    total: Annotated[float, about("all of them")]


class WholeEnergy(Record, frozen=True):
    """Estimated energy with memory traffic, beside a quantised ANN of the same topology."""

    precision: Annotated[Precision, about("number format of weights")]
    spiking: Annotated[EnergyParts, about("the spiking network")]
    quantised_ann: Annotated[
        EnergyParts, about("the same topology with activations of ceil(log2(T + 1)) bits, run once")
    ]
    ratio: Annotated[
        float,
        about("energy of the quantised ANN / energy of the spiking network; below 1, the ANN"),
    ]
    break_even_rate: Annotated[
        float | None,
        about(
            "firing rate of all neurons at which both cost the same; null where the spiking "
            "network costs more even without spikes"
        ),
    ]
    paying_layers: Annotated[
        int, about("spiking convolutions that cost less than those of the ANN")
    ]
