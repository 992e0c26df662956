"""Prints what Lava's fixed-point neurons do. Needs Python 3.10 with `pip install lava-nc==0.10.0`.

python tests/profiling/lava_lif.py > tests/profiling/lava_lif.json
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.dense.process import Dense
from lava.proc.io.source import RingBuffer
from lava.proc.lif.process import LIF

NEURONS, INPUTS, STEPS = 16, 32, 16


def simulated(weight_exponent: int, decays: tuple[int, int], threshold: int) -> dict[str, Any]:
    """States of neurons at every timestep, and the activations that they were given."""
    rng = np.random.default_rng(weight_exponent)
    weights = rng.integers(-64, 64, (NEURONS, INPUTS)) * 2
    spikes = (rng.random((INPUTS, STEPS)) < 0.4).astype(int)
    bias = rng.integers(-200, 200, NEURONS)
    source = RingBuffer(data=spikes)
    synapses = Dense(weights=weights, weight_exp=weight_exponent)
    neurons = LIF(
        shape=(NEURONS,), du=decays[0], dv=decays[1], vth=threshold, bias_mant=bias, bias_exp=2
    )
    source.s_out.connect(synapses.s_in)
    synapses.a_out.connect(neurons.a_in)
    currents, voltages = [], []
    for _ in range(STEPS):
        neurons.run(RunSteps(1), Loihi2SimCfg(select_tag="fixed_pt"))
        currents.append(neurons.u.get().astype(int).tolist())
        voltages.append(neurons.v.get().astype(int).tolist())
    neurons.stop()
    # Synapses of Lava send what they have summed in the timestep before.
    sums = (weights << weight_exponent) @ spikes
    activations = np.concatenate([np.zeros((NEURONS, 1), int), sums[:, :-1]], axis=1).T
    return {
        "decays": decays,
        "threshold": threshold,
        "bias": (bias * 4).tolist(),
        "activations": activations.tolist(),
        "currents": currents,
        "voltages": voltages,
    }


def main() -> None:
    cases = ((0, (4095, 2048), 300), (0, (1000, 100), 3000), (7, (100, 1000), 100000))
    print(json.dumps([simulated(*case) for case in cases], separators=(",", ":")))


if __name__ == "__main__":
    main()
