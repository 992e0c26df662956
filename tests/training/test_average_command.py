from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from spikerain_training.checkpoint import load_network, save_network
from spikerain_training.cli import app
from spikerain_training.config import NetworkConfig, variants
from spikerain_training.network import SpikeRain

NANO = variants()["nano"]


def checkpoint(folder: Path, seed: int, config: NetworkConfig = NANO) -> Path:
    torch.manual_seed(seed)
    network = SpikeRain(config)
    save_network(folder, config, network.state_dict())
    return folder


@pytest.mark.parametrize("weight", [0.0, 0.25, 1.0])
def test_the_mean_lies_between_both(tmp_path: Path, weight: float) -> None:
    first, second = checkpoint(tmp_path / "1", 1), checkpoint(tmp_path / "2", 2)
    arguments = ["average", str(first), str(second), "--weight", str(weight)]
    done = CliRunner().invoke(app, [*arguments, "--output", str(tmp_path / "mean")])
    assert done.exit_code == 0, done.output
    states = [load_network(folder).state_dict() for folder in (first, second, tmp_path / "mean")]
    for name, mean in states[2].items():
        one, two = (state[name].double() for state in states[:2])
        expected = (1 - weight) * one + weight * two
        torch.testing.assert_close(mean.double(), expected, rtol=1e-5, atol=1e-6)


def test_the_smaller_network_that_a_larger_grew_from_is_grown(tmp_path: Path) -> None:
    first = checkpoint(tmp_path / "nano", 1)
    second = checkpoint(tmp_path / "tiny", 2, variants()["tiny"])
    arguments = ["average", str(first), str(second), "--output", str(tmp_path / "mean")]
    done = CliRunner().invoke(app, [*arguments, "--weight", "0"])
    assert done.exit_code == 0, done.output
    image = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        grown, small = (load_network(folder)(image) for folder in (tmp_path / "mean", first))
    torch.testing.assert_close(grown, small, rtol=0, atol=1e-5)


def test_different_networks_have_no_mean(tmp_path: Path) -> None:
    first = checkpoint(tmp_path / "1", 1)
    second = checkpoint(tmp_path / "2", 2, replace(NANO, growth=8))
    arguments = ["average", str(first), str(second), "--output", str(tmp_path / "mean")]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
    assert "different networks" in done.stderr
    assert not (tmp_path / "mean").exists()
