"""Compares what a simulator computed with the network of this project."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spikerain_edge.neuromorphic.graph import Graph
from spikerain_edge.neuromorphic.reference import Recording
from spikerain_edge.neuromorphic.simulators import Simulation
from spikerain_edge.neuromorphic.unrolling import Cells


@dataclass(frozen=True)
class Comparison:
    """How two recordings of the same network differ.

    Attributes:
        compared: spike slots: neurons times timesteps.
        spikes: spikes of the reference.
        different: slots in which one spikes and the other does not.
        first_different: name of the first layer with such a slot; None without one.
        potential_difference: largest difference of membrane potentials.
    """

    compared: int
    spikes: int
    different: int
    first_different: str | None
    potential_difference: float


def by_layer(graph: Graph, cells: Cells, simulation: Simulation) -> Recording:
    """Returns a simulation as a recording of the layers of a graph."""
    ends = np.cumsum(cells.sizes)[:-1]

    def split(values: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
        parts = zip(cells.layers, np.split(values, ends, axis=1), strict=True)
        return {
            name: part.reshape(cells.timesteps, *graph.layers[name].shape) for name, part in parts
        }

    return Recording(split(simulation.spikes), split(simulation.potentials))


def compare(reference: Recording, simulated: Recording) -> Comparison:
    """Compares spikes and membrane potentials of two recordings of the same layers."""
    differing = {
        name: int((spikes != simulated.spikes[name]).sum())
        for name, spikes in reference.spikes.items()
    }
    return Comparison(
        compared=sum(spikes.size for spikes in reference.spikes.values()),
        spikes=sum(int(spikes.sum()) for spikes in reference.spikes.values()),
        different=sum(differing.values()),
        first_different=next((name for name, count in differing.items() if count), None),
        potential_difference=max(
            float(np.abs(potentials - simulated.potentials[name]).max(initial=0))
            for name, potentials in reference.potentials.items()
        ),
    )
