"""Runs that `fit` refuses to start or to resume."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from spikerain_edge.errors import InputError
from spikerain_training.checkpoint import save_network
from spikerain_training.fit import Data, fit
from spikerain_training.hardware import Hardware
from spikerain_training.network import SpikeRain
from spikerain_training.recipe import Recipe
from spikerain_training.recipe_settings import adapted

CPU = Hardware("cpu")


RECIPE = Recipe(
    steps=6, batch=2, crop=32, warmup=2, save_every=3, firing_penalty=0.3, l1=1.0, seed=4
)


def test_initial_weights_that_cannot_be_grown_are_refused(
    photographs: Path, tmp_path: Path
) -> None:
    other = SpikeRain(adapted(Recipe(), {"network": {"growth": 8}}).config())
    save_network(tmp_path / "start", other.config, other.state_dict())

    with pytest.raises(InputError, match="cannot be grown"):
        fit(RECIPE, Data({photographs: 1.0}), tmp_path, hardware=CPU, initial=tmp_path / "start")


def test_an_empty_folder_cannot_be_resumed(photographs: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no run to resume"):
        fit(RECIPE, Data({photographs: 1.0}), tmp_path / "none", hardware=CPU, resume=True)


@pytest.mark.slow
def test_a_new_run_does_not_overwrite_another(photographs: Path, tmp_path: Path) -> None:
    recipe, data = replace(RECIPE, steps=1), Data({photographs: 1.0})
    fit(recipe, data, tmp_path / "run", hardware=CPU)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    with pytest.raises(InputError, match=r"run already holds a run; continue it: "):
        fit(recipe, data, tmp_path / "run", hardware=CPU)
    (tmp_path / "run" / "training.safetensors").unlink()
    with pytest.raises(InputError, match=r"run already holds weights\.safetensors; name another"):
        fit(recipe, data, tmp_path / "run", hardware=CPU)

    left = {path: path.read_bytes() for path in before if path.is_file()}
    assert left == {path: before[path] for path in left}
    assert len(left) == len(before) - 1


@pytest.mark.slow
def test_an_incomplete_training_state_is_refused(photographs: Path, tmp_path: Path) -> None:
    fit(replace(RECIPE, steps=1), Data({photographs: 1.0}), tmp_path, hardware=CPU)
    state = tmp_path / "training.safetensors"
    save_file({"step": torch.tensor(1)}, state)

    record = (tmp_path / "run.json").read_bytes()
    with pytest.raises(InputError, match="not of the network of the recipe"):
        fit(RECIPE, Data({photographs: 1.0}), tmp_path, hardware=CPU, resume=True)
    assert (tmp_path / "run.json").read_bytes() == record


@pytest.mark.parametrize("missing", ["data", "validation"])
def test_a_missing_data_folder_is_refused(photographs: Path, tmp_path: Path, missing: str) -> None:
    data, validation = (
        tmp_path / "none" if name == missing else photographs for name in ("data", "validation")
    )

    with pytest.raises(InputError, match="none"):
        fit(RECIPE, Data({data: 1.0}, validation=validation), tmp_path / "run", hardware=CPU)
    assert not (tmp_path / "run").exists()
