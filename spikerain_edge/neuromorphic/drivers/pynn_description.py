"""The cells in PyNN's terms: the same for NEST and for SpiNNaker."""

from __future__ import annotations

from typing import Any

import numpy as np


def described(simulator: Any, model: Any, cells: dict[str, Any], first: int) -> list[Any]:
    """Creates the populations and projections of a network.

    Args:
        simulator: PyNN's module of a simulator, after its `setup`.
        model: its `IF_curr_delta`.
        cells: arrays of `Cells`.
        first: time of the clock's first spike, milliseconds; a timestep is one millisecond.

    Returns:
        The populations, in the order of the layers.
    """
    ends = np.cumsum(cells["sizes"]).tolist()
    parts = [slice(begin, end) for begin, end in zip([0, *ends[:-1]], ends, strict=True)]
    tau = -1.0 / np.log(cells["decay"])
    populations = [
        simulator.Population(
            part.stop - part.start,
            model(
                v_rest=0.0,
                v_reset=0.0,
                v_thresh=_same(cells["threshold"][part]),
                tau_m=_same(tau[part]),
                tau_refrac=0.0,
            ),
            label=str(name),
        )
        for part, name in zip(parts, cells["layers"], strict=True)
    ]
    times = np.arange(int(cells["timesteps"]), dtype=float) + first
    clock = simulator.Population(1, simulator.SpikeSourceArray(spike_times=times.tolist()))
    layer_of = np.repeat(np.arange(len(ends)), cells["sizes"])
    pairs = layer_of[cells["source"]] * len(ends) + layer_of[cells["target"]]
    for pair in np.unique(pairs):
        source, target = divmod(int(pair), len(ends))
        found = pairs == pair
        _project(
            simulator,
            (populations[source], populations[target]),
            cells["source"][found] - parts[source].start,
            cells["target"][found] - parts[target].start,
            (cells["weight"][found], cells["delay"][found]),
        )
    for population, part, depth in zip(populations, parts, cells["depth"], strict=True):
        drive = cells["drive"][part]
        driven = np.flatnonzero(drive)
        if driven.size:
            delays = np.full(driven.size, depth)
            zeros = np.zeros_like(driven)
            _project(simulator, (clock, population), zeros, driven, (drive[driven], delays))
    return populations


def _project(
    simulator: Any, ends: tuple[Any, Any], source: Any, target: Any, values: tuple[Any, Any]
) -> None:
    table = np.column_stack([source, target, *values]).astype(float)
    # sPyNNaker counts the synapses of a row wrongly in a list that is not sorted.
    table = table[np.lexsort((target, source))]
    # PyNN has positive and negative weights in projections of their own.
    for kind, found in (("excitatory", table[:, 2] > 0), ("inhibitory", table[:, 2] < 0)):
        if found.any():
            connector = simulator.FromListConnector(table[found], column_names=["weight", "delay"])
            simulator.Projection(*ends, connector, simulator.StaticSynapse(), receptor_type=kind)


def _same(values: Any) -> Any:
    """Returns one number where all values are equal: PyNN is faster with it."""
    return float(values[0]) if (values == values[0]).all() else values
