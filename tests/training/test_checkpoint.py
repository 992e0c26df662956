from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from lightning_fabric.plugins.precision import MixedPrecision
from networks import SMALL
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from spikerain_edge.errors import InputError
from spikerain_training.checkpoint import (
    CheckpointError,
    load_network,
    load_training,
    require_free,
    save_network,
    save_training,
)
from spikerain_training.config import NetworkConfig, variants
from spikerain_training.network import SpikeRain
from spikerain_training.optimizer import build_optimizer
from spikerain_training.recipe import Recipe


def small_network(seed: int) -> SpikeRain:
    torch.manual_seed(seed)
    return SpikeRain(SMALL)


def trained(seed: int, steps: int) -> tuple[SpikeRain, torch.optim.Optimizer, AveragedModel]:
    network = small_network(seed)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    average = AveragedModel(network, use_buffers=True)
    for step in range(steps):
        images = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        network(images).square().mean().backward()
        optimizer.step()
        average.update_parameters(network)
    return network, optimizer, average


def assert_same_state(first: nn.Module, second: nn.Module) -> None:
    assert_same_tensors(first.state_dict(), second.state_dict())


def assert_same_tensors(first: dict[str, Tensor], second: dict[str, Tensor]) -> None:
    assert list(first) == list(second)
    for name, value in first.items():
        assert torch.equal(value, second[name]), name
        assert value.dtype is second[name].dtype, name


def test_a_network_comes_back_bit_by_bit(tmp_path: Path) -> None:
    network, _, _ = trained(seed=0, steps=2)
    images = torch.rand(1, 3, 19, 22)

    save_network(tmp_path / "new" / "folder", network.config, network.state_dict())
    loaded = load_network(tmp_path / "new" / "folder")

    assert loaded.config == SMALL
    assert not loaded.training
    assert_same_state(loaded, network)
    with torch.no_grad():
        assert torch.equal(loaded(images), network.eval()(images))


def test_saving_again_replaces_the_network_and_leaves_no_other_files(tmp_path: Path) -> None:
    save_network(tmp_path, SMALL, small_network(0).state_dict())
    second = small_network(1)
    save_network(tmp_path, SMALL, second.state_dict())

    assert_same_state(load_network(tmp_path), second)
    assert {path.name for path in tmp_path.iterdir()} == {"config.json", "weights.safetensors"}


@pytest.mark.parametrize("config", [*variants().values(), SMALL], ids=lambda c: str(c.variant))
def test_a_configuration_survives_json(config: NetworkConfig) -> None:
    assert NetworkConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    save_network(tmp_path, variants()["nano"], small_network(0).state_dict())

    with pytest.raises(CheckpointError, match=r"do not fit config\.json"):
        load_network(tmp_path)


def test_weights_and_configuration_of_two_networks_are_named_in_one_short_line(
    tmp_path: Path,
) -> None:
    save_network(tmp_path, variants()["tiny"], SpikeRain(variants()["nano"]).state_dict())

    with pytest.raises(CheckpointError) as raised:
        load_network(tmp_path)

    said = str(raised.value)
    assert "weights do not fit config.json, they are of nano and it is of tiny: " in said
    assert "embed.weight is 24x12x3x3, not 48x12x3x3, and 190 more tensors differ" in said
    assert len(said) < 400


@pytest.mark.parametrize("damage", ["missing", "surplus"])
def test_incomplete_and_surplus_weights_are_refused(tmp_path: Path, damage: str) -> None:
    weights = small_network(0).state_dict()
    if damage == "missing":
        del weights["embed.weight"]
    else:
        weights["embed.bias"] = torch.zeros(16)
    save_network(tmp_path, SMALL, weights)

    with pytest.raises(CheckpointError, match=r"embed\."):
        load_network(tmp_path)


@pytest.mark.parametrize("text", ["{oops", "[" * 100_000, "[1]", "\udcff"])
def test_a_configuration_that_is_none_names_its_folder(tmp_path: Path, text: str) -> None:
    save_network(tmp_path, SMALL, small_network(0).state_dict())
    (tmp_path / "config.json").write_text(text, "utf-8", "surrogateescape")

    with pytest.raises(CheckpointError, match=str(tmp_path)) as raised:
        load_network(tmp_path)
    assert raised.value.exit_code == 4


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    save_network(tmp_path, SMALL, small_network(0).state_dict())
    path = tmp_path / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-100])

    with pytest.raises(CheckpointError, match="weights"):
        load_network(tmp_path)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"colour": "red"}, r"config\.json.*colour"),
        ({"width": None}, r"config\.json.*width"),
        ({"tau": "0"}, r"config\.json.*tau of the network is '0'"),
    ],
    ids=["unknown", "missing", "unusable"],
)
def test_a_configuration_that_does_not_fit_is_refused(
    tmp_path: Path, change: dict[str, str | None], named: str
) -> None:
    save_network(tmp_path, SMALL, small_network(0).state_dict())
    values = {**SMALL.to_dict(), **change}
    (tmp_path / "config.json").write_text(
        json.dumps({key: value for key, value in values.items() if value is not None})
    )

    with pytest.raises(CheckpointError, match=named):
        load_network(tmp_path)


@pytest.mark.parametrize("missing", ["config.json", "weights.safetensors"])
def test_an_incomplete_checkpoint_is_not_found(tmp_path: Path, missing: str) -> None:
    save_network(tmp_path, SMALL, small_network(0).state_dict())
    (tmp_path / missing).unlink()

    with pytest.raises(InputError, match=missing):
        load_network(tmp_path)


def test_training_continues_from_the_same_state(tmp_path: Path) -> None:
    network, optimizer, average = trained(seed=0, steps=3)
    save_training(tmp_path, network, optimizer, average, step=3, best=28.5)
    fresh, fresh_optimizer, fresh_average = trained(seed=1, steps=0)

    assert load_training(tmp_path, fresh, fresh_optimizer, fresh_average) == (3, 28.5)

    assert_same_state(fresh, network)
    assert_same_state(fresh_average, average)
    moments, expected = fresh_optimizer.state_dict()["state"], optimizer.state_dict()["state"]
    assert list(moments) == list(expected)
    for index, tensors in expected.items():
        assert set(moments[index]) == set(tensors)
        for key, value in tensors.items():
            assert torch.equal(moments[index][key], value)


def test_the_scale_of_a_loss_is_kept(tmp_path: Path) -> None:
    """Without it, a resumed run would skip steps until it has found the scale again."""
    used, fresh = MixedPrecision("16-mixed", "cpu"), MixedPrecision("16-mixed", "cpu")
    used.load_state_dict({**used.state_dict(), "scale": 256.0, "_growth_tracker": 7})
    parts = trained(seed=0, steps=1)

    save_training(tmp_path, *parts, step=1, precision=used)
    load_training(tmp_path, *parts, precision=fresh)

    assert fresh.state_dict() == used.state_dict()
    assert isinstance(fresh.state_dict()["_growth_tracker"], int)


def test_the_scale_of_a_loss_may_be_new(tmp_path: Path) -> None:
    parts = trained(seed=0, steps=1)
    save_training(tmp_path, *parts, step=1)

    assert load_training(tmp_path, *parts, precision=MixedPrecision("16-mixed", "cpu"))[0] == 1


@pytest.mark.parametrize("was", ["adamw", "muon"])
def test_moments_of_another_optimizer_are_refused_before_anything_changes(
    tmp_path: Path, was: str
) -> None:
    network, _, average = trained(seed=0, steps=0)
    adamw, muon = (build_optimizer(network, Recipe(optimizer=name)) for name in ("adamw", "muon"))
    first, second = (adamw, muon) if was == "adamw" else (muon, adamw)
    network(torch.rand(1, 3, 16, 16)).square().mean().backward()
    first.step()
    save_training(tmp_path, network, first, average, step=1)
    fresh, _, fresh_average = trained(seed=1, steps=0)

    with pytest.raises(InputError, match=f"--set optimizer={was}.*--initial"):
        load_training(tmp_path, fresh, second, fresh_average)
    assert_same_state(fresh, small_network(1))


def test_training_state_of_another_network_is_refused(tmp_path: Path) -> None:
    save_training(tmp_path, *trained(seed=0, steps=1), step=1)
    other = SpikeRain(variants()["nano"])
    optimizer = torch.optim.AdamW(other.parameters())

    with pytest.raises(InputError, match=r"training state.*embed.*--initial") as raised:
        load_training(tmp_path, other, optimizer, AveragedModel(other, use_buffers=True))
    assert len(str(raised.value)) < 500


@pytest.mark.parametrize(
    "name", ["config.json", "weights.safetensors", "training.safetensors", "best"]
)
def test_a_folder_that_holds_something_is_not_free(tmp_path: Path, name: str) -> None:
    require_free(tmp_path)
    (tmp_path / name).touch()

    with pytest.raises(InputError, match="name another folder with --output"):
        require_free(tmp_path)


def test_resuming_from_nothing_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        load_training(tmp_path, *trained(seed=0, steps=0))
