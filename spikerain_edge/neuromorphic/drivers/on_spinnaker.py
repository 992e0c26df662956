"""Maps cells onto a virtual SpiNNaker board. Nothing runs there: a virtual board has no spikes."""

from __future__ import annotations

import os
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from pynn_description import described

_SETTINGS = "[Machine]\nvirtual_board = True\nversion = 5\n"


def run(cells: dict[str, Any]) -> dict[str, Any]:
    """Maps the cells and returns what holds them.

    Returns:
        `cores` with neurons, `chips` with such a core, `boards`, the `version` of the software, and
        seconds for the description (`build_s`) and the mapping (`run_s`).
    """
    # sPyNNaker reads settings from the home folder, and writes reports into the working folder.
    os.environ["HOME"] = str(Path.cwd())
    Path(".spynnaker.cfg").write_text(_SETTINGS)
    simulator = import_module("pyNN.spiNNaker")
    view = import_module("spynnaker.pyNN.data").SpynnakerDataView
    started = time.perf_counter()
    simulator.setup(timestep=1.0)
    populations = described(simulator, simulator.IF_curr_delta, cells, first=1)
    built = time.perf_counter()
    simulator.run(float(cells["timesteps"] + cells["depth"].max() + 2))
    mapped = time.perf_counter()
    names = {population.label for population in populations}
    placed = [
        placement
        for placement in view.iterate_placemements()
        if getattr(placement.vertex.app_vertex, "label", None) in names
    ]
    chips = {(placement.x, placement.y) for placement in placed}
    machine = view.get_machine()
    ends = [machine.get_chip_at(x, y) for x, y in chips]
    boards = {(chip.nearest_ethernet_x, chip.nearest_ethernet_y) for chip in ends}
    simulator.end()
    return {
        "cores": len(placed),
        "chips": len(chips),
        "boards": len(boards),
        "build_s": built - started,
        "run_s": mapped - built,
        "version": f"sPyNNaker {import_module('spynnaker').__version__}",
    }
