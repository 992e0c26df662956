"""SpikingJelly 2's energy estimators, where they count what we count.

Its simple estimator counts operations and membrane potentials of any network; its estimator after
Lemaire prices memory. The other two, NeuroMC and SpikeSim, map a network onto a chip of their own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from spikerain_edge.parts import NeuronLayer
from spikerain_edge.profiling.memory_prices import PRECISIONS, MemoryPrices
from spikerain_edge.profiling.operations import GraphCount, LayerCount
from spikerain_edge.profiling.spikes import Spikes
from spikerain_edge.profiling.whole_energy import compare, without_spikes

FOLDER = Path(os.environ.get("SPIKINGJELLY2", Path(sys.prefix) / "spikingjelly2"))
T, PIXELS, CHANNELS, OUTPUTS = 2, 64, 64, 4
NEURONS = CHANNELS * PIXELS
PRICES = MemoryPrices.load()
_NOT_HERE = "SpikingJelly 2 is not installed here: make .venv/spikingjelly2"

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not FOLDER.is_dir(), reason=_NOT_HERE)]


@pytest.fixture(scope="module")
def oracle() -> Any:
    """What SpikingJelly 2 says; in a process of its own, beside the older one of these tests."""
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("spikingjelly_energy.py")],
        env={**os.environ, "PYTHONPATH": str(FOLDER)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def count() -> GraphCount:
    embed = LayerCount("embed", (), 27 * NEURONS, 27 * CHANNELS, 3 * PIXELS, NEURONS, False, 0, 0)
    macs, weights = T * CHANNELS * OUTPUTS * PIXELS, CHANNELS * OUTPUTS
    convolve = LayerCount(
        "convolve", ("lif",), macs, weights, T * NEURONS, T * OUTPUTS * PIXELS, False, 0, 0
    )
    return GraphCount(8, 8, (embed, convolve), ())


def network(*neurons: NeuronLayer) -> Any:
    return SimpleNamespace(timesteps=T, neurons=neurons)


LIF = NeuronLayer("lif", channels=CHANNELS, reduction=1, spikes=("a", "b"))


def test_operations_and_their_energy_are_equal(oracle: Any, count: GraphCount) -> None:
    rate = float(np.mean(oracle["rates"]))
    assert 0.1 < rate < 0.9
    operations = {"convolve": count.layers[1].macs * rate}
    spikes = Spikes(T * NEURONS * rate, rate, operations, {"convolve": rate})
    assert count.layers[0].macs == oracle["counts"]["mac"]
    assert operations["convolve"] == pytest.approx(oracle["counts"]["synop"])
    for precision in PRECISIONS:
        mac, accumulate = oracle["prices"][precision]
        energy = mac * oracle["counts"]["mac"] + accumulate * oracle["counts"]["synop"]
        found = compare(network(LIF), count, spikes, PRICES, precision)
        assert found.spiking.compute == pytest.approx(energy)


def test_membrane_potentials_move_as_often(oracle: Any, count: GraphCount) -> None:
    memory = [
        without_spikes(network(*neurons), count, PRICES, "fp32")[0].memory
        for neurons in ((LIF,), ())
    ]
    counts = oracle["counts"]
    potentials = counts["neuron_state_read_bytes"] + counts["neuron_state_write_bytes"]
    spikes = T * NEURONS / 8
    assert memory[0] - memory[1] == pytest.approx((potentials + spikes) * PRICES.largest)


def test_prices_of_memory_are_equal(oracle: Any) -> None:
    assert len(oracle["memory"]) == 3
    for kilobytes, price in oracle["memory"].items():
        assert PRICES.byte(int(kilobytes) * 1024) == pytest.approx(price)
