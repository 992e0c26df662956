"""Neurons of other simulators compute every spike of a NIR file."""

from __future__ import annotations

import os
import subprocess
import sys
from copy import deepcopy
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import nir
import numpy as np
import pytest
from networks import randomised
from spiking_parts import SMALL, Exported, exported, exported_from

from spikerain_export.exporter import open_checkpoint
from spikerain_export.origin import origin_of
from spikerain_export.spiking.nir_file import to_bytes
from spikerain_export.spiking.proof import Source
from spikerain_training.checkpoint import save_network

PATCHES = 20
TRAINED = Path(__file__).parents[2] / "training" / "checkpoints" / "nano-spike"
FOLDER = Path(os.environ.get("SPIKINGJELLY2", Path(sys.prefix) / "spikingjelly2"))
_MISSING = [name for name in ("nirtorch", "norse", "snntorch") if find_spec(name) is None]

pytestmark = [
    pytest.mark.neuromorphic,
    pytest.mark.skipif(
        bool(_MISSING), reason=f"{', '.join(_MISSING)} not installed here: make test-neuromorphic"
    ),
]
SIMULATORS = ("snntorch", "norse")


@pytest.fixture(scope="module")
def small() -> Exported:
    return exported(SMALL, (16, 16))


def counted(found: Exported, simulator: str, made: nir.NIRGraph | None = None) -> tuple[int, int]:
    """Returns how many spikes were compared and how many differ."""
    from nir_simulators import count, patches, simulators

    graph = made or found.made
    _, height, width = graph.nodes["input"].output_type["output"].tolist()
    network = simulators()[simulator](graph)
    source = Source(found.network, found.graph)
    compared = count(graph, source, network, list(patches(PATCHES, height, width)))
    if not compared.different:
        assert compared.picture < 1e-3
    return compared.spikes, compared.different


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_every_spike_is_equal(small: Exported, simulator: str) -> None:
    neurons = sum(
        layer.channels * (16 // layer.scale) ** 2 for layer in small.network.neurons.values()
    )
    assert counted(small, simulator) == (neurons * SMALL.timesteps * PATCHES, 0)


@pytest.mark.slow
@pytest.mark.parametrize("simulator", SIMULATORS)
def test_every_spike_of_the_trained_network_is_equal(simulator: str) -> None:
    found = exported_from(origin_of(open_checkpoint(TRAINED)).graph, (32, 32), grid_bits=8)
    assert counted(found, simulator) == (86_016 * 2 * PATCHES, 0)


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_weights_that_are_not_doubled_are_noticed(small: Exported, simulator: str) -> None:
    made = deepcopy(small.made)
    for name, node in made.nodes.items():
        if isinstance(node, nir.Conv2d) and name != "readout":
            node.weight = node.weight / np.float32(2)
            node.bias = node.bias / np.float32(2)
    compared, different = counted(small, simulator, made)
    assert different > compared / 100


@pytest.mark.slow
@pytest.mark.skipif(not FOLDER.is_dir(), reason="SpikingJelly 2 not here: make .venv/spikingjelly2")
def test_every_spike_is_equal_in_spikingjelly(tmp_path: Path) -> None:
    """In a process of its own, beside the older SpikingJelly of these tests."""
    config = replace(SMALL, variant="small")
    network = randomised(config)
    save_network(tmp_path / "model", network.config, network.state_dict())
    (tmp_path / "a.nir").write_bytes(to_bytes(exported(config, (16, 16)).made))
    script = Path(__file__).parents[2] / "benchmarks" / "nir_simulators.py"
    done = subprocess.run(
        [sys.executable, script, "model", "a.nir", "--patches", "5", "--spikingjelly2", FOLDER],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    rows = [line.split(" | ") for line in done.stdout.splitlines()[2:]]
    assert [(row[0], row[4]) for row in rows] == [
        ("| snntorch", "0"),
        ("| norse", "0"),
        ("| spikingjelly", "0"),
    ]
