"""Cells on simulators of spiking networks: every spike and every potential is the network's."""

from __future__ import annotations

import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from toy_network import TIMESTEPS, one_weight_doubled, toy_image, toy_network

from spikerain_edge.errors import ComputeError, InputError
from spikerain_edge.neuromorphic.comparison import Comparison, by_layer, compare
from spikerain_edge.neuromorphic.reference import run_reference
from spikerain_edge.neuromorphic.simulators import Simulator, map_on_spinnaker, run_driver, simulate
from spikerain_edge.neuromorphic.unrolling import Cells, unroll

SPIKING = [Simulator.NEST, Simulator.BRIAN2, Simulator.PYNN_NEST]
# Brian2 does not run with NumPy 2.4, which the tests use. sPyNNaker is too large for CI.
BRIAN2 = Path(sys.prefix, "brian2", "bin", "python")
SPINNAKER = Path(sys.prefix, "spinnaker", "bin", "python")


@pytest.mark.neuromorphic
@pytest.mark.parametrize("simulator", SPIKING)
def test_every_spike_and_potential_is_that_of_the_network(simulator: Simulator) -> None:
    found = _compared(unroll(toy_network(), toy_image(), TIMESTEPS), simulator)
    assert 0 < found.spikes < found.compared == 608 * TIMESTEPS
    assert found.different == 0
    assert found.potential_difference == 0


@pytest.mark.neuromorphic
def test_a_virtual_spinnaker_board_holds_every_layer_on_cores_of_its_own() -> None:
    if not SPINNAKER.exists():
        pytest.skip(
            f"sPyNNaker is not installed: there is no {SPINNAKER}; see docs/neuromorphic.md"
        )
    found = map_on_spinnaker(unroll(toy_network(), toy_image(), TIMESTEPS), str(SPINNAKER))
    # Three layers of 256, 96 and 256 neurons, at most 256 on a core.
    assert (found.cores, found.chips, found.boards) == (3, 1, 1)


@pytest.mark.neuromorphic
def test_nest_shows_a_wrong_delay() -> None:
    cells = unroll(toy_network(), toy_image(), TIMESTEPS)
    found = _compared(replace(cells, delay=np.ones_like(cells.delay)), Simulator.NEST)
    assert found.different > 0


@pytest.mark.neuromorphic
def test_nest_shows_a_doubled_weight() -> None:
    cells = unroll(toy_network(), toy_image(), TIMESTEPS)
    spikes = simulate(cells, Simulator.NEST, _python(Simulator.NEST)).spikes
    found = _compared(one_weight_doubled(cells, spikes), Simulator.NEST)
    assert found.potential_difference > 0


def test_a_missing_simulator_is_named_with_its_command() -> None:
    with pytest.raises(InputError, match=r"does not have the package on_nowhere; install it: "):
        run_driver("on_nowhere", {}, sys.executable, "'spikerain-edge[neuromorphic]'")


def test_a_python_may_have_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(tmp_path, "bin").mkdir()
    Path(tmp_path, "bin", "python").symlink_to(sys.executable)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"bin/python does not have the package on_nowhere"):
        run_driver("on_nowhere", {}, "bin/python", "nest")


def test_a_missing_python_is_named() -> None:
    with pytest.raises(InputError, match="cannot run the Python /no/python: No such file"):
        run_driver("on_nest", {}, "/no/python", "nest")


def test_a_failed_simulation_ends_in_one_line_and_debug_shows_the_rest(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "spikerain_edge")
    # A Python that fails at its start: nothing of the simulator is needed.
    monkeypatch.setenv("PYTHONHOME", "/no/home")
    with pytest.raises(ComputeError, match="the simulation failed: "):
        run_driver("on_nest", {}, sys.executable, "nest")
    assert "/no/home" in caplog.text


def _compared(cells: Cells, simulator: Simulator) -> Comparison:
    graph = toy_network()
    reference = run_reference(graph, toy_image(), TIMESTEPS)
    simulation = simulate(cells, simulator, _python(simulator))
    return compare(reference, by_layer(graph, cells, simulation))


def _python(simulator: Simulator) -> str:
    """Returns the Python that has a simulator; skips the test without one."""
    if simulator is Simulator.BRIAN2:
        if not BRIAN2.exists():
            pytest.skip(f"Brian2 is not installed: there is no {BRIAN2}; make test-neuromorphic")
        return str(BRIAN2)
    for package in ("nest", "pyNN") if simulator is Simulator.PYNN_NEST else ("nest",):
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed: pip install 'spikerain-edge[neuromorphic]'")
    return sys.executable
