"""Runs a PyNN description of the cells on NEST: one population for each layer."""

from __future__ import annotations

import time
from typing import Any

import nest
import numpy as np
import pyNN
import pyNN.nest
from pynn_description import described

# PyNN sends no spike before 2 ms.
_FIRST = 2


class _Cell(pyNN.nest.IF_curr_delta):  # type: ignore[misc]
    """PyNN 0.13 does not know what NEST calls the potential of this model."""

    variable_map = {"v": "V_m"}  # noqa: RUF012 - as PyNN declares it
    scale_factors = {"v": 1}  # noqa: RUF012


def run(cells: dict[str, Any]) -> dict[str, Any]:
    """Runs the cells and returns spikes, potentials after the reset, and seconds."""
    timesteps, depth = int(cells["timesteps"]), cells["depth"]
    started = time.perf_counter()
    pyNN.nest.setup(
        timestep=1.0, min_delay=1.0, max_delay=float(depth.max()), spike_precision="on_grid"
    )
    populations = described(pyNN.nest, _Cell, cells, _FIRST)
    for population in populations:
        # PyNN would start them at the potential of its own model.
        population.node_collection.set(V_m=0.0)
        population.record(["spikes", "v"])
    built = time.perf_counter()
    pyNN.nest.run(float(_FIRST + timesteps + depth.max() + 2))
    ran = time.perf_counter()
    spikes, potentials = zip(
        *(
            _recorded(population, _FIRST + int(layer), timesteps)
            for population, layer in zip(populations, depth, strict=True)
        ),
        strict=True,
    )
    return {
        "spikes": np.concatenate(spikes, axis=1),
        "potentials": np.concatenate(potentials, axis=1),
        "build_s": built - started,
        "run_s": ran - built,
        "version": f"PyNN {pyNN.__version__} on NEST {nest.__version__}",
    }


def _recorded(population: Any, begin: int, timesteps: int) -> tuple[Any, Any]:
    """Returns spikes and potentials `(T, cells)` of a population; timestep 0 is at `begin`."""
    segment = population.get_data().segments[0]
    spikes = np.zeros((timesteps, population.size), bool)
    for cell, train in enumerate(segment.spiketrains):
        steps = np.rint(np.asarray(train)).astype(int) - begin
        spikes[steps[(steps >= 0) & (steps < timesteps)], cell] = True
    (signal,) = segment.analogsignals
    return spikes, np.asarray(signal)[begin : begin + timesteps]
