"""Damaged checkpoints, records, recipes and foreign weights, through what reads them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from damage import damaged, damaged_json
from harness import examples, found_or_refused
from hypothesis import given
from networks import SMALL, randomised

from spikerain_training.checkpoint import CONFIG, WEIGHTS, load_network, save_network
from spikerain_training.importing.state_file import read_state
from spikerain_training.recipe import Recipe
from spikerain_training.recipe_settings import read_recipe
from spikerain_training.record import Data, changes, read_sessions, recorded_data
from spikerain_training.session import describe

pytestmark = pytest.mark.slow

RECIPE = b"""variant = "nano"
steps = 100
learning_rate = 1e-3
compile = false
[weather]
rain = 1.0
[network]
encoder = [1, 1, 1]
"""


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    network = randomised(SMALL)
    save_network(tmp_path / "run", network.config, network.state_dict())
    return tmp_path / "run"


def test_a_damaged_configuration_is_used_or_refused(checkpoint: Path) -> None:
    @examples(30)
    @given(damaged_json(json.loads((checkpoint / CONFIG).read_text())))
    def fuzz(content: bytes) -> None:
        (checkpoint / CONFIG).write_bytes(content)
        network = found_or_refused(lambda: load_network(checkpoint))
        assert network is None or network.config.variant

    fuzz()


def test_damaged_weights_are_used_or_refused(checkpoint: Path) -> None:
    names = set(load_network(checkpoint).state_dict())

    @examples(20)
    @given(damaged([(checkpoint / WEIGHTS).read_bytes()]))
    def fuzz(content: bytes) -> None:
        (checkpoint / WEIGHTS).write_bytes(content)
        network = found_or_refused(lambda: load_network(checkpoint))
        assert network is None or set(network.state_dict()) == names

    fuzz()


def test_a_damaged_record_is_used_or_refused(tmp_path: Path) -> None:
    session = json.loads(json.dumps(describe(Recipe(), Data(), 0, 1)))
    folder = {"folder": "rainy", "weight": 1.0, "files": 3, "sha256": "0" * 64}
    seen = {"data": [folder], "validation": folder, "rainy_half": {"rainy": "left"}}

    def use() -> list[str]:
        recorded_data(tmp_path)
        return [word for one in read_sessions(tmp_path) for word in changes(one, session)]

    @examples(60)
    @given(damaged_json({"sessions": [session | seen]}))
    def fuzz(content: bytes) -> None:
        (tmp_path / "run.json").write_bytes(content)
        said = found_or_refused(use)
        assert said is None or all(isinstance(word, str) for word in said)

    fuzz()


def test_a_damaged_recipe_is_used_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"

    @examples(60)
    @given(damaged([RECIPE]))
    def fuzz(content: bytes) -> None:
        path.write_bytes(content)
        recipe = found_or_refused(lambda: read_recipe(path))
        assert recipe is None or recipe.config().variant

    fuzz()


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_damaged_foreign_weights_are_read_or_refused(
    tmp_path: Path, checkpoint: Path, suffix: str
) -> None:
    path = tmp_path / f"x{suffix}"
    torch.save({"bias": torch.ones(4), "weight": torch.zeros(3, 2)}, tmp_path / "small.pth")
    source = tmp_path / "small.pth" if suffix == ".pth" else checkpoint / WEIGHTS

    @examples(30)
    @given(damaged([source.read_bytes()]))
    def fuzz(content: bytes) -> None:
        path.write_bytes(content)
        state = found_or_refused(lambda: read_state(path))
        assert state is None or state

    fuzz()
