from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from networks import SMALL, randomised
from torch.nn import BatchNorm2d
from typer.testing import CliRunner

from spikerain_training.averaging import renew_statistics
from spikerain_training.checkpoint import load_network, save_network
from spikerain_training.cli import app
from spikerain_training.config import NetworkConfig, variants
from spikerain_training.datasets import training_batches
from spikerain_training.network import SpikeRain

NANO = variants()["nano"]


def checkpoint(folder: Path, seed: int, config: NetworkConfig = NANO) -> Path:
    torch.manual_seed(seed)
    network = SpikeRain(config)
    save_network(folder, config, network.state_dict())
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("weight", [0.0, 0.25, 1.0])
def test_every_weight_is_the_weighted_average_of_both(tmp_path: Path, weight: float) -> None:
    first, second = checkpoint(tmp_path / "1", 1), checkpoint(tmp_path / "2", 2)
    arguments = ["average", str(first), str(second), "--weight", str(weight)]
    done = CliRunner().invoke(app, [*arguments, "--output", str(tmp_path / "mean")])
    assert done.exit_code == 0, done.output
    states = [load_network(folder).state_dict() for folder in (first, second, tmp_path / "mean")]
    for name, mean in states[2].items():
        one, two = (state[name].double() for state in states[:2])
        expected = (1 - weight) * one + weight * two
        torch.testing.assert_close(mean.double(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("larger", [variants()["tiny"], replace(NANO, encoder=(1, 2, 2))])
def test_a_smaller_first_network_is_grown(tmp_path: Path, larger: NetworkConfig) -> None:
    first = checkpoint(tmp_path / "small", 1)
    second = checkpoint(tmp_path / "large", 2, larger)
    arguments = ["average", str(first), str(second), "--output", str(tmp_path / "mean")]
    done = CliRunner().invoke(app, [*arguments, "--weight", "0"])
    assert done.exit_code == 0, done.output
    image = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        grown, small = (load_network(folder)(image) for folder in (tmp_path / "mean", first))
    torch.testing.assert_close(grown, small, rtol=0, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"growth": 8}, "growth is 8, not 16"),
        ({"temporal_gate": "pooled"}, "temporal_gate is pooled, not per-timestep"),
        ({"tau": 4.0}, "tau is 4.0, not 2.0"),
        ({"threshold": 0.3}, "threshold is 0.3, not 0.15"),
        ({"attention_reduction": 24}, "some of its layers are smaller"),
        ({"enhancement_reduction": 24}, "some of its layers are smaller"),
    ],
)
def test_different_networks_are_refused(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    first = checkpoint(tmp_path / "1", 1)
    second = checkpoint(tmp_path / "2", 2, replace(NANO, **changes))
    arguments = ["average", str(first), str(second), "--output", str(tmp_path / "mean")]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
    assert f"cannot average {first} and {second}" in done.stderr
    assert message in done.stderr
    assert not (tmp_path / "mean").exists()


def layer_inputs(network: SpikeRain, images: torch.Tensor) -> dict[str, torch.Tensor]:
    """Returns the input of every batch norm in training mode, (images, C, H, W)."""
    seen: dict[str, torch.Tensor] = {}
    norms = {name: part for name, part in network.named_modules() if isinstance(part, BatchNorm2d)}
    for name, norm in norms.items():
        norm.register_forward_pre_hook(
            lambda module, given, name=name: seen.update({name: given[0]})
        )
    with torch.no_grad():
        network.train()(images)
    return seen


@pytest.mark.slow
def test_with_data_the_statistics_are_recomputed_on_rainy_crops(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = checkpoint(tmp_path / "1", 1), checkpoint(tmp_path / "2", 2)
    asked: list[dict[str, Any]] = []

    def few(folder: Path, **options: Any) -> Iterable[Any]:
        asked.append(options)
        return training_batches(folder, **{**options, "crop": 32, "batch": 2, "count": 3})

    monkeypatch.setattr("spikerain_training.commands.average.training_batches", few)
    arguments = ["average", str(first), str(second), "--output", str(tmp_path / "mean")]

    done = CliRunner().invoke(app, [*arguments, "--data", str(photographs)])

    assert done.exit_code == 0, done.output
    assert asked == [{"crop": 128, "batch": 16, "count": 40, "dry": 0.15, "frames": 1}]
    mean = load_network(tmp_path / "mean")
    reached = [
        layer_inputs(load_network(tmp_path / "mean"), rainy)
        for rainy, _ in few(photographs, dry=0.15)
    ]
    assert mean.down1.convolve.norm.num_batches_tracked == 3
    for name, norm in mean.named_modules():
        if isinstance(norm, BatchNorm2d):
            batches = [inputs[name].transpose(0, 1).flatten(1) for inputs in reached]
            means = torch.stack([values.mean(1) for values in batches]).mean(0)
            variances = torch.stack([values.var(1) for values in batches]).mean(0)
            torch.testing.assert_close(norm.running_mean, means, rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(norm.running_var, variances, rtol=1e-4, atol=1e-5)
    averaged = dict(mean.named_parameters())
    for name, value in load_network(first).named_parameters():
        expected = (value + load_network(second).get_parameter(name)) / 2
        torch.testing.assert_close(averaged[name], expected)


def test_the_statistics_of_a_video_network_are_those_of_frames_that_change(
    photographs: Path,
) -> None:
    batches = list(training_batches(photographs, crop=32, batch=2, count=3, dry=0.0, frames=2))
    moving, still, expected = (randomised(replace(SMALL, frames=2)) for _ in range(3))
    for network in (moving, still, expected):
        network.load_state_dict(moving.state_dict())

    renew_statistics(moving, batches)
    renew_statistics(still, [(rainy, clean) for rainy, clean, _ in batches])

    for norm in expected.modules():
        if isinstance(norm, BatchNorm2d):
            norm.reset_running_stats()
            norm.momentum = None  # the mean of all batches
    with torch.no_grad():
        for rainy, _, previous in batches:
            expected.train()(rainy, previous)
    assert batches[0][0].shape == (4, 3, 32, 32)
    name = "down1.convolve.norm.running_mean"
    torch.testing.assert_close(moving.get_buffer(name), expected.get_buffer(name))
    assert not torch.allclose(moving.get_buffer(name), still.get_buffer(name))


def test_a_missing_data_folder_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    first, second = checkpoint(tmp_path / "1", 1), checkpoint(tmp_path / "2", 2)
    arguments = ["average", str(first), str(second), "--output", str(tmp_path / "mean")]
    done = CliRunner().invoke(app, [*arguments, "--data", str(tmp_path / "none")])
    assert done.exit_code == 2
    assert "does not exist" in done.stderr
    assert not (tmp_path / "mean").exists()


@pytest.mark.parametrize("name", ["2", "run"])
def test_a_folder_with_a_checkpoint_or_a_run_is_not_overwritten(tmp_path: Path, name: str) -> None:
    first, second = checkpoint(tmp_path / "1", 1), checkpoint(tmp_path / "2", 2)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "training.safetensors").write_bytes(b"trained for days")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    arguments = ["average", str(first), str(second), "--output", str(tmp_path / name)]
    done = CliRunner().invoke(app, arguments)

    assert done.exit_code == 2
    assert f"{tmp_path / name} already holds" in done.stderr
    assert "name another folder with --output" in done.stderr
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_missing_checkpoint_is_refused_with_a_remedy(tmp_path: Path) -> None:
    second = checkpoint(tmp_path / "2", 2)
    missing = tmp_path / "none"
    done = CliRunner().invoke(
        app, ["average", str(missing), str(second), "--output", str(tmp_path / "mean")]
    )
    assert done.exit_code == 2
    assert f"{missing} is not a checkpoint folder (config.json is missing); name" in done.stderr
    assert "Errno" not in done.stderr
