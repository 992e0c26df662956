"""Validation of a run, and its sample images."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from spikerain_edge.errors import InputError
from spikerain_edge.images.metrics import psnr_luma
from spikerain_edge.images.reading import read_image
from spikerain_training.fit import Data, fit
from spikerain_training.hardware import Hardware
from spikerain_training.logbook import StepReport
from spikerain_training.recipe import Recipe

pytestmark = pytest.mark.slow

CPU = Hardware("cpu")
RECIPE = Recipe(batch=2, crop=32, warmup=2, l1=1.0, seed=4)


def test_the_averaged_weights_are_validated_and_the_best_are_saved(
    photographs: Path, tmp_path: Path
) -> None:
    # The learning rate is far too high after the first validation, so the first one stays best.
    recipe = replace(RECIPE, steps=8, validate_every=2, learning_rate=0.3, warmup=8, ema=0.0)
    seen: dict[int, float] = {}

    def note(progress: StepReport) -> None:
        if progress.measured:
            seen[progress.step] = progress.measured.psnr
            assert progress.measured.rainy_psnr == pytest.approx(25, abs=0.1)
            assert 0 < progress.measured.ssim < 1

    fit(
        recipe,
        Data({photographs: 1.0}, validation=photographs),
        tmp_path,
        hardware=CPU,
        progress=note,
    )

    assert list(seen) == [2, 4, 6, 8]
    assert max(seen.values()) > seen[8]
    best = load_file(tmp_path / "best" / "weights.safetensors")
    last = load_file(tmp_path / "weights.safetensors")
    assert any(not torch.equal(best[name], last[name]) for name in last)
    assert load_file(tmp_path / "training.safetensors")["best"].item() == max(seen.values())


def test_another_validation_folder_starts_the_search_for_the_best_weights_again(
    photographs: Path, tmp_path: Path
) -> None:
    run, easy = tmp_path / "run", tmp_path / "easy"
    for folder in ("input", "target"):  # no rain at all
        shutil.copytree(photographs, easy / folder)
    recipe = replace(RECIPE, steps=1, validate_every=1, learning_rate=1e-4)
    fit(recipe, Data({photographs: 1.0}, validation=easy), run, hardware=CPU)
    reached = load_file(run / "training.safetensors")["best"].item()

    longer = replace(recipe, steps=2)
    fit(longer, Data({photographs: 1.0}, validation=photographs), run, hardware=CPU, resume=True)

    assert load_file(run / "training.safetensors")["best"].item() < reached
    best, last = (load_file(place / "weights.safetensors") for place in (run / "best", run))
    assert all(torch.equal(best[name], last[name]) for name in last)


def test_validation_pairs_get_no_rendered_rain(
    photographs: Path, pairs: Path, tmp_path: Path
) -> None:
    recipe = replace(RECIPE, steps=1)
    reports: list[StepReport] = []

    fit(
        recipe,
        Data({photographs: 1.0}, validation=pairs),
        tmp_path / "run",
        hardware=CPU,
        progress=reports.append,
    )

    rainy = [read_image(path) for path in sorted((pairs / "input").iterdir())]
    cleans = [read_image(path) for path in sorted((pairs / "target").iterdir())]
    before = [psnr_luma(one, other) for one, other in zip(rainy, cleans, strict=True)]
    assert reports[0].measured
    assert reports[0].measured.rainy_psnr == pytest.approx(np.mean(before))
    sheet = read_image(tmp_path / "run" / "samples" / "0000001.png")
    np.testing.assert_array_equal(sheet[:56, :72], rainy[0])


@pytest.mark.parametrize("paired", [False, True])
def test_a_validation_image_that_is_too_small_is_refused_by_name(
    photographs: Path, pairs: Path, tmp_path: Path, paired: bool
) -> None:
    for folder in (pairs / "input", pairs / "target") if paired else (photographs,):
        cv2.imwrite(str(folder / "small.png"), np.zeros((8, 8, 3), np.uint8))
    validation = pairs if paired else photographs

    with pytest.raises(InputError, match=r"small\.png: 8x8 pixels are too few"):
        fit(RECIPE, Data({pairs: 1.0}, validation=validation), tmp_path / "run", hardware=CPU)
    assert not (tmp_path / "run").exists()


def test_sample_images_show_rainy_derained_and_clean_side_by_side(
    photographs: Path, tmp_path: Path
) -> None:
    recipe = replace(RECIPE, steps=2, validate_every=1)
    fit(recipe, Data({photographs: 1.0}), tmp_path / "batch", hardware=CPU)
    held_out = Data({photographs: 1.0}, validation=photographs)
    fit(recipe, held_out, tmp_path / "scenes", hardware=CPU)

    batch = cv2.imread(str(tmp_path / "batch" / "samples" / "0000002.png"))
    scenes = cv2.imread(str(tmp_path / "scenes" / "samples" / "0000001.png"))
    assert batch is not None
    assert scenes is not None
    assert batch.shape == (2 * 32, 3 * 32, 3)
    assert scenes.shape == (3 * 56, 3 * 72, 3)
    cleans = [read_image(path) for path in sorted(photographs.iterdir())]
    np.testing.assert_array_equal(scenes[:56, 2 * 72 :], cleans[0])
    np.testing.assert_array_equal(scenes[2 * 56 :, 2 * 72 :], cleans[2])
