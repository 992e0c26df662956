from __future__ import annotations

import math
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from spikerain_training.checkpoint import load_network
from spikerain_training.config import variants
from spikerain_training.data import RenderedRain, read_image
from spikerain_training.fit import Progress, fit, schedule
from spikerain_training.losses import restoration_loss
from spikerain_training.recipe import Recipe

RECIPE = Recipe(steps=6, batch=2, crop=32, warmup=2, save_every=3, firing_penalty=0.3, seed=4)


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    folder = tmp_path / "photographs"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(3):
        coarse = rng.normal(110, 45, (5, 6, 3))
        image = cv2.resize(coarse, (72, 56), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / f"{number}.png"), np.clip(image, 0, 255).astype(np.uint8))
    return folder


@pytest.fixture
def pairs(photographs: Path, tmp_path: Path) -> Path:
    """Rainy and clean pairs, the rain being a brighter picture."""
    folder = tmp_path / "pairs"
    shutil.copytree(photographs, folder / "target")
    (folder / "input").mkdir()
    for path in photographs.iterdir():
        brighter = cv2.add(read_image(path), np.full((56, 72, 3), 40, np.uint8))
        cv2.imwrite(str(folder / "input" / path.name), brighter)
    return folder


@pytest.mark.parametrize("mixed", [False, True])
def test_a_resumed_run_ends_with_the_same_weights(
    photographs: Path, pairs: Path, tmp_path: Path, mixed: bool
) -> None:
    data = {photographs: 1.0, pairs: 2.0} if mixed else photographs
    whole: list[Progress] = []
    fit(RECIPE, data, tmp_path / "whole", report=whole.append)

    parts: list[Progress] = []

    def stop_after_three(progress: Progress) -> None:
        parts.append(progress)
        if progress.step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(RECIPE, data, tmp_path / "parts", report=stop_after_three)
    fit(RECIPE, data, tmp_path / "parts", resume=True, report=parts.append)

    assert [progress.step for progress in parts] == [1, 2, 3, 4, 5, 6]
    assert parts == whole
    for name in ("weights.safetensors", "training.safetensors"):
        resumed, expected = (load_file(tmp_path / run / name) for run in ("parts", "whole"))
        assert resumed.keys() == expected.keys()
        for key, tensor in expected.items():
            assert torch.equal(resumed[key], tensor), f"{name}: {key}"


def test_training_lowers_the_loss(photographs: Path, tmp_path: Path) -> None:
    recipe = replace(RECIPE, steps=40, batch=4, learning_rate=1e-3, ema=0.9)
    samples = RenderedRain(photographs, crop=32, length=24, seed=99)
    pairs = [samples[index] for index in range(len(samples))]
    rainy, clean = (torch.stack(images) for images in zip(*pairs, strict=True))
    losses: list[float] = []

    fit(recipe, photographs, tmp_path / "run", report=lambda step: losses.append(step.loss))
    network = load_network(tmp_path / "run")

    with torch.no_grad():
        untouched = restoration_loss(rainy, clean, recipe.l1)
        restored = restoration_loss(network(rainy), clean, recipe.l1)
    assert np.mean(losses[-10:]) < 0.8 * np.mean(losses[:10])
    assert restored < 0.97 * untouched


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_checkpoint(
    photographs: Path, tmp_path: Path
) -> None:
    recipe = replace(RECIPE, learning_rate=1e30, save_every=1)
    output = tmp_path / "run"
    saved: list[dict[str, bytes]] = []

    def remember(progress: Progress) -> None:
        assert math.isfinite(progress.loss)
        saved.append({path.name: path.read_bytes() for path in output.iterdir()})

    with pytest.raises(FloatingPointError, match=r"at step \d"):
        fit(recipe, photographs, output, report=remember)

    assert saved
    assert {path.name: path.read_bytes() for path in output.iterdir()} == saved[-1]
    load_network(output)


def test_the_held_out_gain_is_reported_when_due(photographs: Path, tmp_path: Path) -> None:
    recipe = replace(RECIPE, steps=3, validate_every=2)
    gains: list[float | None] = []

    fit(
        recipe,
        photographs,
        tmp_path / "run",
        validation=photographs,
        report=lambda progress: gains.append(progress.gain),
    )

    assert [gain is not None for gain in gains] == [False, True, True]
    assert all(math.isfinite(gain) for gain in gains if gain is not None)


def test_weights_are_saved_at_the_last_step_too(photographs: Path, tmp_path: Path) -> None:
    fit(replace(RECIPE, steps=1), photographs, tmp_path / "run")

    assert load_network(tmp_path / "run").config == variants()["nano"]


def test_resuming_from_nothing_is_not_found(photographs: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        fit(RECIPE, photographs, tmp_path / "none", resume=True)


@pytest.mark.parametrize("missing", ["data", "validation"])
def test_missing_images_are_not_found(photographs: Path, tmp_path: Path, missing: str) -> None:
    data, validation = (
        tmp_path / "none" if name == missing else photographs for name in ("data", "validation")
    )

    with pytest.raises(FileNotFoundError, match="none"):
        fit(RECIPE, data, tmp_path / "run", validation=validation)


def test_the_learning_rate_warms_up_and_falls_to_zero() -> None:
    recipe = Recipe(steps=1000, warmup=100)
    factors = [schedule(step, recipe) for step in range(1001)]

    assert factors[0] == pytest.approx(0.01)
    assert max(factors) == factors[100] == pytest.approx(1)
    assert factors[550] == pytest.approx(0.5)
    assert factors[1000] == pytest.approx(0)
    assert factors[:101] == sorted(factors[:101])
    assert factors[100:] == sorted(factors[100:], reverse=True)
