from __future__ import annotations

from pathlib import Path

import pytest

from spikerain_training.config import variants
from spikerain_training.recipe import Recipe, read_recipe

SHIPPED = sorted((Path(__file__).parents[2] / "training/configs").glob("*.toml"))


def write(folder: Path, text: str) -> Path:
    path = folder / "recipe.toml"
    path.write_text(text)
    return path


def test_settings_are_read_and_the_others_keep_their_defaults(tmp_path: Path) -> None:
    path = write(tmp_path, 'variant = "tiny"\nsteps = 7\nlearning_rate = 5e-4\ncompile = true\n')

    assert read_recipe(path) == Recipe(variant="tiny", steps=7, learning_rate=5e-4, compile=True)


def test_an_empty_recipe_is_the_default(tmp_path: Path) -> None:
    assert read_recipe(write(tmp_path, "")) == Recipe()


def test_a_whole_number_may_stand_for_a_float(tmp_path: Path) -> None:
    clip = read_recipe(write(tmp_path, "clip = 3")).clip

    assert clip == 3.0
    assert isinstance(clip, float)


def test_an_unknown_setting_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"recipe\.toml.*'learning_rat'.*learning_rate"):
        read_recipe(write(tmp_path, "learning_rat = 1e-3"))


def test_an_unknown_network_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"recipe\.toml.*'nanno'.*nano"):
        read_recipe(write(tmp_path, 'variant = "nanno"'))


@pytest.mark.parametrize(
    "line", ['steps = "many"', "steps = 1.5", "steps = true", "compile = 1", "variant = 3"]
)
def test_a_value_of_the_wrong_type_is_named(tmp_path: Path, line: str) -> None:
    with pytest.raises(ValueError, match=rf"recipe\.toml: {line.split()[0]} must be"):
        read_recipe(write(tmp_path, line))


def test_what_is_not_toml_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="line 1"):
        read_recipe(write(tmp_path, "steps: 4"))


def test_a_missing_recipe_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_recipe(tmp_path / "none.toml")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_recipes_train_a_known_network(path: Path) -> None:
    assert read_recipe(path).variant in variants()
