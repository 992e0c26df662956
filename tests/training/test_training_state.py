"""The state of a training is restored, or refused if it is damaged or another's."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from checkpoint_parts import assert_same_state, small_network, trained
from lightning_fabric.plugins.precision import MixedPrecision
from torch.optim.swa_utils import AveragedModel

from spikerain_edge.errors import InputError
from spikerain_training.checkpoint import (
    CheckpointError,
)
from spikerain_training.config import variants
from spikerain_training.network import SpikeRain
from spikerain_training.optimizer import build_optimizer
from spikerain_training.recipe import Recipe
from spikerain_training.training_state import load_training, save_training


def test_one_changed_bit_of_the_training_state_is_found(tmp_path: Path) -> None:
    parts = trained(seed=0, steps=1)
    save_training(tmp_path, *parts, step=1)
    content = bytearray((tmp_path / "training.safetensors").read_bytes())
    content[-1000] ^= 1
    (tmp_path / "training.safetensors").write_bytes(content)

    with pytest.raises(CheckpointError, match="the training state is damaged"):
        load_training(tmp_path, *parts)


@pytest.mark.slow
def test_loading_restores_weights_optimizer_state_step_and_best(tmp_path: Path) -> None:
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


def test_the_loss_scale_is_saved_and_restored(tmp_path: Path) -> None:
    """Without it, a resumed run skips steps until it has found the scale again."""
    used, fresh = MixedPrecision("16-mixed", "cpu"), MixedPrecision("16-mixed", "cpu")
    used.load_state_dict({**used.state_dict(), "scale": 256.0, "_growth_tracker": 7})
    parts = trained(seed=0, steps=1)

    save_training(tmp_path, *parts, step=1, precision=used)
    load_training(tmp_path, *parts, precision=fresh)

    assert fresh.state_dict() == used.state_dict()
    assert isinstance(fresh.state_dict()["_growth_tracker"], int)


def test_a_run_saved_without_a_loss_scale_can_be_resumed_with_one(tmp_path: Path) -> None:
    parts = trained(seed=0, steps=1)
    save_training(tmp_path, *parts, step=1)

    assert load_training(tmp_path, *parts, precision=MixedPrecision("16-mixed", "cpu"))[0] == 1


@pytest.mark.slow
@pytest.mark.parametrize("was", ["adamw", "muon"])
def test_the_state_of_another_optimizer_is_refused_before_weights_change(
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


@pytest.mark.slow
def test_the_training_state_of_another_network_is_refused(tmp_path: Path) -> None:
    save_training(tmp_path, *trained(seed=0, steps=1), step=1)
    other = SpikeRain(variants()["nano"])
    optimizer = torch.optim.AdamW(other.parameters())

    with pytest.raises(InputError, match=r"training state.*embed.*--initial") as raised:
        load_training(tmp_path, other, optimizer, AveragedModel(other, use_buffers=True))
    assert len(str(raised.value)) < 500
