from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from checkpoint_parts import assert_same_state, small_network, trained
from networks import SMALL
from safetensors.torch import save_file

from spikerain_edge.errors import InputError
from spikerain_training.checkpoint import (
    CheckpointError,
    load_network,
    require_free,
    save_network,
)
from spikerain_training.config import NetworkConfig, variants
from spikerain_training.network import SpikeRain
from spikerain_training.training_state import load_training


def test_a_loaded_network_is_bit_for_bit_the_saved_one(tmp_path: Path) -> None:
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


@pytest.mark.slow
def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    save_network(tmp_path, variants()["nano"], small_network(0).state_dict())

    with pytest.raises(CheckpointError, match=r"does not match config\.json"):
        load_network(tmp_path)


@pytest.mark.slow
def test_the_message_about_weights_of_another_network_names_both_networks(
    tmp_path: Path,
) -> None:
    save_network(tmp_path, variants()["tiny"], SpikeRain(variants()["nano"]).state_dict())

    with pytest.raises(CheckpointError) as raised:
        load_network(tmp_path)

    message = str(raised.value)
    assert "the weights are those of nano, the configuration is that of tiny" in message
    assert "embed.weight is 24x12x3x3 instead of 48x12x3x3, and 190 more tensors" in message
    assert len(message) < 500


@pytest.mark.slow
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
def test_the_message_about_a_damaged_configuration_names_its_folder(
    tmp_path: Path, text: str
) -> None:
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


@pytest.mark.parametrize("place", [0.3, 0.6, 0.99])
def test_one_changed_bit_of_the_weights_is_found(tmp_path: Path, place: float) -> None:
    save_network(tmp_path, SMALL, small_network(0).state_dict())
    content = bytearray((tmp_path / "weights.safetensors").read_bytes())
    content[int(place * len(content))] ^= 1
    (tmp_path / "weights.safetensors").write_bytes(content)

    with pytest.raises(CheckpointError, match=r"weights\.safetensors is damaged") as raised:
        load_network(tmp_path)
    assert "\n" not in str(raised.value)


def test_a_changed_configuration_is_found(tmp_path: Path) -> None:
    save_network(tmp_path, SMALL, small_network(0).state_dict())
    values = {**SMALL.to_dict(), "tau": 3.5}
    (tmp_path / "config.json").write_text(json.dumps(values))

    with pytest.raises(CheckpointError, match="SHA-256, which covers the file beside it too"):
        load_network(tmp_path)


def test_weights_of_other_programs_need_no_digest(tmp_path: Path) -> None:
    network = small_network(0)
    save_network(tmp_path, SMALL, network.state_dict())
    save_file(network.state_dict(), tmp_path / "weights.safetensors")
    assert_same_state(load_network(tmp_path), network)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"colour": "red"}, r"config\.json.*colour"),
        ({"width": None}, r"config\.json.*width"),
        ({"tau": "0"}, r"config\.json.*the network setting tau is '0'"),
    ],
    ids=["unknown", "missing", "invalid"],
)
def test_an_invalid_configuration_is_refused(
    tmp_path: Path, change: dict[str, str | None], message: str
) -> None:
    save_network(tmp_path, SMALL, small_network(0).state_dict())
    values = {**SMALL.to_dict(), **change}
    (tmp_path / "config.json").write_text(
        json.dumps({key: value for key, value in values.items() if value is not None})
    )

    with pytest.raises(CheckpointError, match=message):
        load_network(tmp_path)


@pytest.mark.parametrize("missing", ["config.json", "weights.safetensors"])
def test_a_checkpoint_with_a_missing_file_is_refused(tmp_path: Path, missing: str) -> None:
    save_network(tmp_path, SMALL, small_network(0).state_dict())
    (tmp_path / missing).unlink()

    with pytest.raises(InputError, match=missing):
        load_network(tmp_path)


@pytest.mark.parametrize(
    "name", ["config.json", "weights.safetensors", "training.safetensors", "best"]
)
def test_a_folder_that_holds_a_checkpoint_file_is_refused_as_output(
    tmp_path: Path, name: str
) -> None:
    require_free(tmp_path)
    (tmp_path / name).touch()

    with pytest.raises(InputError, match="name another folder with --output"):
        require_free(tmp_path)


def test_an_empty_folder_cannot_be_resumed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no run to resume"):
        load_training(tmp_path, *trained(seed=0, steps=0))
