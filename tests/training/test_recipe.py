from __future__ import annotations

from pathlib import Path

import pytest

from spikerain_edge.errors import InputError
from spikerain_training.config import variants
from spikerain_training.recipe import Recipe
from spikerain_training.recipe_settings import overridden, read_recipe

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


def test_a_whole_number_is_accepted_for_a_float(tmp_path: Path) -> None:
    clip = read_recipe(write(tmp_path, "clip = 3")).clip

    assert clip == 3.0
    assert isinstance(clip, float)


def test_an_unknown_setting_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"recipe\.toml.*'learning_rat'.*learning_rate"):
        read_recipe(write(tmp_path, "learning_rat = 1e-3"))


def test_an_unknown_network_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"recipe\.toml.*'nanno'.*nano"):
        read_recipe(write(tmp_path, 'variant = "nanno"'))


@pytest.mark.parametrize(
    "line", ['steps = "many"', "steps = 1.5", "steps = true", "compile = 1", "variant = 3"]
)
def test_a_value_of_the_wrong_type_is_refused(tmp_path: Path, line: str) -> None:
    name = line.split()[0]
    with pytest.raises(InputError, match=rf"recipe\.toml: {name} is .*; set {name} to"):
        read_recipe(write(tmp_path, line))


@pytest.mark.parametrize(
    "line",
    [
        "steps = 0",
        "batch = -1",
        "crop = 31",
        "crop = 4097",
        "seed = 99999999999999999999999",
        "learning_rate = 0",
        "learning_rate = nan",
        "dry = 1.5",
        "ema = -0.1",
        "ssim = 0",
        'optimizer = "sgd"',
        "psnr = -1",
        "stability = -1",
        'precision = "8-true"',
        'teacher = "run"',
        "distillation = 1",
        f"learning_rate = 1{'0' * 400}",
        "network = { speed = 3 }",
    ],
)
def test_a_value_out_of_range_is_refused(tmp_path: Path, line: str) -> None:
    name = {"ssim": "loss", "network": "speed"}.get(line.split()[0], line.split()[0])
    with pytest.raises(InputError, match=rf"recipe\.toml: .*{name}"):
        read_recipe(write(tmp_path, line))


def test_overrides_are_applied_in_order() -> None:
    texts = ["steps=7", "learning_rate=5e-4", "variant=tiny", "compile=true", "steps=9"]

    assert overridden(Recipe(), texts) == Recipe(
        variant="tiny", steps=9, learning_rate=5e-4, compile=True
    )


def test_an_override_can_change_one_entry_of_a_table() -> None:
    recipe = overridden(Recipe(), ["weather.snow=0.4", "network.timesteps=4", "network.width=16"])

    assert recipe.weather == {"rain": 1.0, "snow": 0.4}
    assert recipe.config().timesteps == 4
    assert recipe.config().width == 16


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["teacher=big", "distillation=1"], Recipe(teacher="big", distillation=1.0)),
        (["distillation=1", "teacher=big"], Recipe(teacher="big", distillation=1.0)),
        (["ssim=0", "l1=1"], Recipe(ssim=0.0, l1=1.0)),
        (["l1=1", "ssim=0"], Recipe(ssim=0.0, l1=1.0)),
        (["network.width=0", "network.width=16"], Recipe(network={"width": 16})),
        (["weather={fog=1}", "weather.snow=2"], Recipe(weather={"fog": 1, "snow": 2})),
    ],
)
def test_overrides_that_need_each_other_work_in_any_order(
    texts: list[str], expected: Recipe
) -> None:
    assert overridden(Recipe(), texts) == expected


def test_a_teacher_weight_without_a_teacher_is_refused() -> None:
    with pytest.raises(InputError, match="teacher and distillation"):
        overridden(Recipe(), ["steps=7", "distillation=1"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("weather.rain=much", r"weather\.rain is 'much'; set weather\.rain to a number"),
        ("weather.fog=true", r"weather\.fog is True; set weather\.fog to a number"),
        (
            "network.width=abc",
            "network setting width is 'abc', which is not valid; set width to a whole number from",
        ),
        (
            "network.width=24.0",
            r"network setting width is 24\.0, which is not valid; set width to a whole number",
        ),
        (
            "network.foo=1",
            "unknown network settings: foo; remove them; the known settings are variant, width",
        ),
        ("network.alpha=8", "set alpha of the recipe instead"),
        ("network=3", "network is 3; set network to a table"),
    ],
)
def test_an_invalid_entry_of_a_table_is_refused_by_name(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        overridden(Recipe(), [text])


@pytest.mark.parametrize("text", ["steps", "=3", "steps=many", "speed=3", "steps.fast=1"])
def test_an_invalid_override_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"steps|speed|=3"):
        overridden(Recipe(), [text])


def test_alpha_reaches_the_network() -> None:
    assert Recipe(alpha=2.5).config().alpha == 2.5


@pytest.mark.parametrize("content", [b"steps: 4", b"\xff", b"steps = " + b"[" * 5000 + b"]" * 5000])
def test_a_file_that_is_not_toml_is_refused_and_the_message_shows_the_format(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "recipe.toml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"recipe\.toml is not a TOML file .*NAME = VALUE"):
        read_recipe(path)


def test_a_missing_recipe_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.toml \(No such file or directory\); .*--config"):
        read_recipe(tmp_path / "none.toml")
    with pytest.raises(InputError, match="cannot read the recipe"):
        read_recipe(tmp_path)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_recipes_train_a_known_network(path: Path) -> None:
    assert read_recipe(path).variant in variants()
