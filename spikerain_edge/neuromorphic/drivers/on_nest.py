"""Runs cells on NEST, through its own Python interface.

`iaf_psc_delta` with a resolution h of 1 ms integrates its membrane exactly: the potential decays by
exp(-h / tau_m), and a spike adds its weight. tau_m = -h / ln(decay) gives the decay of the network.
"""

from __future__ import annotations

import time
from typing import Any

import nest
import numpy as np

# Synapses joined by one call: NEST copies the arrays of a call several times.
_AT_ONCE = 1 << 20


def run(cells: dict[str, Any]) -> dict[str, Any]:
    """Runs the cells and returns spikes, potentials after the reset, and seconds."""
    timesteps, depth = int(cells["timesteps"]), np.repeat(cells["depth"], cells["sizes"])
    started = time.perf_counter()
    nest.ResetKernel()
    nest.resolution = 1.0
    neurons = _created(cells)
    first = neurons[0].global_id
    ends = (cells["source"] + first, cells["target"] + first)
    _join(*ends, cells["weight"], cells["delay"])
    # The clock spikes at 1, 2, ... T; depth 1 computes timestep 0 at time 2.
    clock = nest.Create("spike_generator", params={"spike_times": np.arange(1.0, timesteps + 1)})
    driven = np.flatnonzero(cells["drive"])
    _join(
        np.full(driven.size, clock[0].global_id),
        driven + first,
        cells["drive"][driven],
        depth[driven],
    )
    meter = nest.Create("multimeter", params={"record_from": ["V_m"], "interval": 1.0})
    recorder = nest.Create("spike_recorder")
    nest.Connect(meter, neurons)
    nest.Connect(neurons, recorder)
    built = time.perf_counter()
    # A device receives events one step after they happen.
    nest.Simulate(float(timesteps + depth.max() + 2))
    ran = time.perf_counter()
    return {
        "spikes": _by_timestep(recorder.events, None, first, depth, timesteps) > 0,
        "potentials": _by_timestep(meter.events, "V_m", first, depth, timesteps),
        "build_s": built - started,
        "run_s": ran - built,
        "version": f"NEST {nest.__version__}",
    }


def _created(cells: dict[str, Any]) -> Any:
    tau = -1.0 / np.log(cells["decay"])
    return nest.Create(
        "iaf_psc_delta",
        len(tau),
        params={
            "tau_m": tau,
            "V_th": cells["threshold"],
            "E_L": 0.0,
            "V_reset": 0.0,
            "V_m": 0.0,
            "t_ref": 0.0,
        },
    )


def _join(source: Any, target: Any, weight: Any, delay: Any) -> None:
    for begin in range(0, len(source), _AT_ONCE):
        part = slice(begin, begin + _AT_ONCE)
        nest.Connect(
            source[part].astype(np.int64),
            target[part].astype(np.int64),
            {"rule": "one_to_one"},
            {
                "synapse_model": "static_synapse",
                "weight": weight[part],
                "delay": delay[part].astype(np.float64),
            },
        )


def _by_timestep(events: Any, value: str | None, first: int, depth: Any, timesteps: int) -> Any:
    """Returns events as an array `(T, cells)`; timestep t of depth D is at time 1 + D + t."""
    cell = np.asarray(events["senders"]) - first
    step = np.rint(events["times"]).astype(np.int64) - 1 - depth[cell]
    inside = (step >= 0) & (step < timesteps)
    found = np.zeros((timesteps, len(depth)))
    found[step[inside], cell[inside]] = 1.0 if value is None else events[value][inside]
    return found
