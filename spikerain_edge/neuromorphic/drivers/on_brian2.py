"""Runs cells on Brian2.

A timestep is one step of its clock. Synapses come before the neurons in a step, so a spike arrives
at the earliest in the step after it, and delays are one step less.
"""

from __future__ import annotations

import time
from typing import Any

import brian2
import numpy as np
from brian2 import ms


def run(cells: dict[str, Any]) -> dict[str, Any]:
    """Runs the cells and returns spikes, potentials after the reset, and seconds."""
    timesteps, depth = int(cells["timesteps"]), np.repeat(cells["depth"], cells["sizes"])
    started = time.perf_counter()
    # Without a compiler, and without a cache of compiled code in the home folder.
    brian2.prefs.codegen.target = "numpy"
    brian2.defaultclock.dt = 1 * ms
    neurons = brian2.NeuronGroup(
        len(depth),
        "v : 1\narriving : 1\nkept : 1 (constant)\nlimit : 1 (constant)",
        threshold="v >= limit",
        reset="v = 0",
    )
    neurons.kept, neurons.limit = cells["decay"], cells["threshold"]
    neurons.run_regularly("v = kept * v + arriving\narriving = 0", when="groups")
    joined = _joined(neurons, neurons, cells["source"], cells["target"])
    joined.weight, joined.delay = cells["weight"], (cells["delay"] - 1) * ms
    clock = brian2.SpikeGeneratorGroup(1, np.zeros(timesteps, int), np.arange(timesteps) * ms)
    driven = np.flatnonzero(cells["drive"])
    drive = _joined(clock, neurons, np.zeros_like(driven), driven)
    drive.weight, drive.delay = cells["drive"][driven], (depth[driven] - 1) * ms
    meter = brian2.StateMonitor(neurons, "v", record=True, when="end")
    recorder = brian2.SpikeMonitor(neurons)
    network = brian2.Network(neurons, joined, clock, drive, meter, recorder)
    network.schedule = ["start", "synapses", "groups", "thresholds", "resets", "end"]
    built = time.perf_counter()
    network.run((timesteps + int(depth.max()) + 1) * ms)
    ran = time.perf_counter()
    return {
        "spikes": _spikes(recorder, depth, timesteps),
        # Timestep t of depth D is step t + D.
        "potentials": np.stack(
            [np.asarray(meter.v)[np.arange(len(depth)), depth + step] for step in range(timesteps)]
        ),
        "build_s": built - started,
        "run_s": ran - built,
        "version": f"Brian2 {brian2.__version__}",
    }


def _joined(source: Any, target: Any, sources: Any, targets: Any) -> Any:
    synapses = brian2.Synapses(source, target, "weight : 1", on_pre="arriving_post += weight")
    synapses.connect(i=sources, j=targets)
    return synapses


def _spikes(recorder: Any, depth: Any, timesteps: int) -> Any:
    cell = np.asarray(recorder.i)
    step = np.rint(np.asarray(recorder.t / ms)).astype(np.int64) - depth[cell]
    inside = (step >= 0) & (step < timesteps)
    found = np.zeros((timesteps, len(depth)), bool)
    found[step[inside], cell[inside]] = True
    return found
