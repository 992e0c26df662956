"""Runs unrolled networks on simulators, each in a process of its own.

A simulator keeps its state globally, prints what it likes and may want other versions of packages
than this program. The process gets arrays in a file and returns arrays in a file, never pickles.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from shlex import quote
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from spikerain_edge.errors import ComputeError, InputError
from spikerain_edge.neuromorphic.unrolling import Cells

_log = logging.getLogger(__name__)
LIMIT_S = 3600
"""Seconds after which a simulation is ended."""
_SMALLER = "use a smaller --size, or a NIR file of a smaller --imgsz"
_DRIVERS = Path(__file__).with_name("drivers")


class Simulator(str, Enum):
    """What runs a network, as `--simulator` names it. A virtual board only maps it."""

    NEST = "nest"
    BRIAN2 = "brian2"
    PYNN_NEST = "pynn-nest"
    SPINNAKER = "spinnaker-virtual"


@dataclass(frozen=True)
class _Needs:
    """What a simulator needs.

    Attributes:
        module: the driver.
        packages: what pip installs.
        bytes_per_synapse: measured memory of the driver and of this process, together.
    """

    module: str
    packages: str
    bytes_per_synapse: int


_NEEDS = {
    Simulator.NEST: _Needs("on_nest", "'nest-simulator>=3.10'", 350),
    Simulator.PYNN_NEST: _Needs("on_pynn", "'nest-simulator>=3.10' 'pynn>=0.13'", 350),
    Simulator.BRIAN2: _Needs("on_brian2", "brian2 'numpy<2.4'", 300),
    Simulator.SPINNAKER: _Needs("on_spinnaker", "sPyNNaker", 400),
}


@dataclass(frozen=True)
class Simulation:
    """What a simulator computed.

    Attributes:
        version: name and version of the simulator.
        spikes: `(T, cells)`.
        potentials: membrane potentials after the reset, `(T, cells)`.
        build_s: seconds for creating cells and synapses.
        run_s: seconds for running them.
    """

    version: str
    spikes: npt.NDArray[np.bool_]
    potentials: npt.NDArray[np.float64]
    build_s: float
    run_s: float


@dataclass(frozen=True)
class Mapping:
    """What holds a network on SpiNNaker; nothing ran there.

    Attributes:
        version: name and version of the software.
        cores: cores with neurons.
        chips: chips with such a core.
        boards: boards with such a chip.
        neurons: number of neurons.
        synapses: number of synapses, with those of the clock.
        seconds: for describing and mapping the network.
    """

    version: str
    cores: int
    chips: int
    boards: int
    neurons: int
    synapses: int
    seconds: float


def bytes_per_synapse(simulator: Simulator) -> int:
    """Returns the memory that a synapse takes, in all processes."""
    return _NEEDS[simulator].bytes_per_synapse


def simulate(cells: Cells, simulator: Simulator, python: str = sys.executable) -> Simulation:
    """Runs a network on a simulator.

    Args:
        cells: the network.
        simulator: a simulator that has spikes.
        python: the Python that has the simulator.

    Raises:
        InputError: that Python does not exist, or does not have the simulator.
        ComputeError: the simulation failed, memory ran out, or it took longer than `LIMIT_S`.
    """
    found = _run(simulator, cells, python)
    return Simulation(
        version=str(found["version"]),
        spikes=found["spikes"],
        potentials=found["potentials"],
        build_s=float(found["build_s"]),
        run_s=float(found["run_s"]),
    )


def map_on_spinnaker(cells: Cells, python: str = sys.executable) -> Mapping:
    """Maps a network onto a virtual SpiNNaker board.

    Raises:
        InputError, ComputeError: as `simulate` does.
    """
    found = _run(Simulator.SPINNAKER, cells, python)
    return Mapping(
        version=str(found["version"]),
        cores=int(found["cores"]),
        chips=int(found["chips"]),
        boards=int(found["boards"]),
        neurons=cells.count,
        synapses=cells.synapses,
        seconds=float(found["build_s"] + found["run_s"]),
    )


def _run(simulator: Simulator, cells: Cells, python: str) -> dict[str, npt.NDArray[Any]]:
    needs = _NEEDS[simulator]
    arrays = {**vars(cells), "layers": np.array(cells.layers)}
    return run_driver(needs.module, arrays, python, needs.packages)


def run_driver(
    module: str, arrays: dict[str, Any], python: str, packages: str
) -> dict[str, npt.NDArray[Any]]:
    """Runs a driver in a process of its own and returns its arrays.

    Args:
        module: name of the driver.
        arrays: what it reads.
        python: the Python that runs it.
        packages: what pip installs if the simulator is missing.

    Raises:
        InputError, ComputeError: as `simulate` does.
    """
    with TemporaryDirectory(prefix="spikerain-") as folder:
        network, recording = Path(folder, "network.npz"), Path(folder, "recording.npz")
        np.savez(network, **arrays)
        # The driver runs in another folder. Links stay: they make a virtual environment.
        program = os.path.abspath(python) if os.path.dirname(python) else python  # noqa: PTH100, PTH120
        command = [program, "-W", "ignore", str(_DRIVERS), str(network), str(recording), module]
        status, said = _ended(command, Path(folder))
        if status != 0:
            _log.debug("%s", said)
            raise _failure(status, said, python, packages)
        try:
            with np.load(recording, allow_pickle=False) as found:
                return dict(found)
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise ComputeError(f"the simulator left no recording ({error})", "try again") from error


def _ended(command: list[str], folder: Path) -> tuple[int, str]:
    """Runs a command to its end; returns its status and what it wrote to standard error.

    Raises:
        InputError: the program cannot be started.
        ComputeError: it took longer than `LIMIT_S`.
    """
    log = folder / "stderr"
    try:
        with log.open("wb") as stderr:
            process = subprocess.Popen(  # noqa: S603 - a Python and a program of this package
                command,
                stdin=subprocess.PIPE,  # closes when this process ends, however it ends
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                cwd=folder,
            )
    except OSError as error:
        raise InputError(
            f"cannot run the Python {command[0]}: {error.strerror}",
            f"check the path: ls -l {quote(command[0])}",
        ) from error
    with process:
        try:
            status = process.wait(LIMIT_S)
        except subprocess.TimeoutExpired as error:
            raise ComputeError(
                f"the simulation took longer than {LIMIT_S} seconds", _SMALLER
            ) from error
        finally:
            process.kill()
    return status, log.read_text(errors="replace")


def _failure(status: int, said: str, python: str, packages: str) -> InputError | ComputeError:
    lines = said.strip().splitlines() or [f"status {status}"]
    if "ModuleNotFoundError" in lines[-1]:
        package = lines[-1].rpartition("named ")[2].strip("'")
        return InputError(
            f"the Python {python} does not have the package {package}",
            f"install it: {quote(python)} -m pip install {packages}, or name another --python",
        )
    if status == -signal.SIGKILL:
        return ComputeError("the simulation was killed, probably because memory ran out", _SMALLER)
    return ComputeError(
        f"the simulation failed: {lines[-1]}", "run the command again with --debug to see more"
    )
