from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from spikerain_edge.errors import InputError
from spikerain_edge.images import Image
from spikerain_edge.images.metrics import psnr_luma, quality
from spikerain_training.checkpoint import save_network
from spikerain_training.config import variants
from spikerain_training.evaluation.insets import Inset, most_changed
from spikerain_training.evaluation.methods import Method, open_method
from spikerain_training.evaluation.outcomes import RAINY, outcomes, save, scores
from spikerain_training.evaluation.scenes import EvalScene, measured_scenes, real_scenes, spread
from spikerain_training.network import SpikeRain
from spikerain_training.restore import restore
from spikerain_training.seeded_rain import seeded_rain, severities


def scenery(seed: int, height: int = 32, width: int = 48) -> Image:
    coarse = np.random.default_rng(seed).normal(110, 45, (5, 6, 3))
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(smooth, 0, 255).astype(np.uint8)


def scene(rainy: Image, truth: Image | None = None, name: str = "1") -> EvalScene:
    return EvalScene("light", name, lambda: (rainy, truth))


@pytest.fixture
def cleans(tmp_path: Path) -> Path:
    folder = tmp_path / "cleans"
    folder.mkdir()
    for number in range(3):
        cv2.imwrite(str(folder / f"{number}.png"), scenery(number))
    return folder


def test_clean_images_become_scenes_with_every_rain_and_without_rain(cleans: Path) -> None:
    scenes = measured_scenes(cleans, limit=2)

    assert [(one.condition, one.name) for one in scenes] == [
        (condition, name)
        for condition in ("light", "medium", "heavy", "none")
        for name in ("0", "1")
    ]
    rainy, truth = scenes[3].read()
    np.testing.assert_array_equal(truth, scenery(1))
    np.testing.assert_array_equal(rainy, seeded_rain(scenery(1), severities()["medium"], seed=1))
    np.testing.assert_array_equal(*scenes[7].read())


def test_pairs_become_scenes_without_rendered_rain(cleans: Path, tmp_path: Path) -> None:
    cleans.rename(tmp_path / "target")
    (tmp_path / "input").mkdir()
    cv2.imwrite(str(tmp_path / "input" / "2.png"), scenery(9))

    (only,) = measured_scenes(tmp_path)
    rainy, truth = only.read()

    assert (only.condition, only.name) == ("paired", "2")
    np.testing.assert_array_equal(rainy, scenery(9))
    np.testing.assert_array_equal(truth, scenery(2))


def test_photographs_become_scenes_without_ground_truth(cleans: Path) -> None:
    scenes = real_scenes(cleans)

    assert len(scenes) == 3
    assert scenes[2].read()[1] is None
    np.testing.assert_array_equal(scenes[2].read()[0], scenery(2))


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_chosen_scenes_are_spread_over_conditions_and_images(cleans: Path, count: int) -> None:
    scenes = measured_scenes(cleans)

    chosen = spread(scenes, count)

    assert len(chosen) == len(set(chosen)) == 4 * min(count, 3)
    assert {one.condition for one in chosen} == {one.condition for one in scenes}
    assert len({one.name for one in chosen}) == 3


def test_names_of_pairs_include_the_folder_if_stems_repeat(tmp_path: Path) -> None:
    for path, seed in (("input/a/1", 1), ("input/b/1", 2), ("target/1", 0)):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / f"{path}.png"), scenery(seed))

    scenes = measured_scenes(tmp_path)
    for outcome in outcomes(scenes, []):
        save(outcome, tmp_path / "saved")

    assert [one.name for one in scenes] == ["a/1", "b/1"]
    with open_method(f"Saved={tmp_path / 'saved' / 'rainy'}") as method:
        for one, seed in zip(scenes, (1, 2), strict=True):
            np.testing.assert_array_equal(method.restore(one, scenery(0)), scenery(seed))


@pytest.mark.parametrize("found", [measured_scenes, real_scenes])
def test_two_images_with_the_same_stem_in_one_folder_are_refused(
    cleans: Path, found: Callable[[Path], list[EvalScene]]
) -> None:
    cv2.imwrite(str(cleans / "1.jpg"), scenery(5))

    with pytest.raises(InputError, match=r"cleans/1\.jpg and .*cleans/1\.png have the same name"):
        found(cleans)


def test_a_pair_too_small_for_ssim_is_refused_before_the_evaluation(
    cleans: Path, tmp_path: Path
) -> None:
    cv2.imwrite(str(cleans / "2.png"), scenery(0, 10, 30))
    for name in ("input", "target"):
        shutil.copytree(cleans, tmp_path / name)

    with pytest.raises(InputError, match=r"input/2\.png: 30x10 pixels are too few for SSIM"):
        measured_scenes(tmp_path)


def test_a_checkpoint_restores_like_its_network(tmp_path: Path) -> None:
    network = SpikeRain(variants()["nano"]).eval()
    save_network(tmp_path / "run", network.config, network.state_dict())
    picture = scenery(0)

    with open_method(str(tmp_path / "run")) as method:
        restored = method.restore(scene(picture), picture)

    assert method.name == "run"
    np.testing.assert_array_equal(restored, restore(network, picture))


def test_results_are_found_by_condition_or_name(tmp_path: Path) -> None:
    (tmp_path / "light").mkdir()
    written = ("light/a[1].png", "b.png", "light/b.png", "c.png", "light/b.am.png")
    for seed, path in enumerate(written, 1):
        cv2.imwrite(str(tmp_path / path), scenery(seed))
    picture = scenery(0)

    with open_method(f"Other={tmp_path}") as method:
        assert method.name == "Other"
        for name, seed in (("a[1]", 1), ("b", 3)):
            np.testing.assert_array_equal(
                method.restore(scene(picture, name=name), picture), scenery(seed)
            )
        paired = EvalScene("paired", "c", lambda: (picture, None))
        np.testing.assert_array_equal(method.restore(paired, picture), scenery(4))
        with pytest.raises(InputError, match="no result for c"):
            method.restore(scene(picture, name="c"), picture)
        with pytest.raises(InputError, match="is 48x32, but its rainy image is 20x20"):
            method.restore(paired, scenery(0, 20, 20))


def test_an_unknown_model_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="no model 'none'"), open_method("none"):
        pass


def test_methods_and_the_rainy_input_are_scored_against_the_ground_truth(tmp_path: Path) -> None:
    truth, rainy, better = scenery(0), scenery(1), scenery(2)
    method = Method("ours", lambda scene, image: better)

    (outcome,) = outcomes([scene(rainy, truth)], [method])
    save(outcome, tmp_path)

    assert [(score.method, score.quality) for score in scores(outcome)] == [
        (RAINY, quality(rainy, truth)),
        ("ours", quality(better, truth)),
    ]
    for name, picture in ((RAINY, rainy), ("ours", better)):
        saved = cv2.imread(str(tmp_path / name / "light" / "1.png"))
        np.testing.assert_array_equal(saved, picture)


def test_scenes_without_ground_truth_are_not_scored() -> None:
    (outcome,) = outcomes([scene(scenery(0))], [])

    assert scores(outcome) == []


@pytest.mark.parametrize("names", [["nano", "nano"], ["rainy"], ["truth"]])
def test_columns_with_the_same_name_are_refused(names: list[str]) -> None:
    methods = [Method(name, lambda scene, image: image) for name in names]

    with pytest.raises(InputError, match="choose another name: --model NAME=MODEL"):
        next(outcomes([scene(scenery(0))], methods))


def test_insets_show_the_places_that_changed_most() -> None:
    first = np.zeros((50, 80, 3), np.uint8)
    second = first.copy()
    second[5:15, 60:70] = 200
    second[30:40, 12:22] = 100
    second[2, 2] = 255

    assert most_changed(first, second) == [Inset(30, 12, 10), Inset(5, 60, 10)]
    np.testing.assert_array_equal(Inset(5, 60, 10).crop(second), 200)


def test_insets_do_not_overlap_even_if_nothing_changed() -> None:
    picture = scenery(0, 20, 9)

    found = most_changed(picture, picture, count=50)

    covered = np.zeros((20, 9), int)
    for inset in found:
        covered[inset.top : inset.top + inset.side, inset.left : inset.left + inset.side] += 1
    assert found
    assert covered.max() == 1
    assert sum(inset.side**2 for inset in found) == covered.sum()


def test_rendered_rain_has_the_psnr_of_its_condition(cleans: Path) -> None:
    for one in measured_scenes(cleans, limit=1)[:3]:
        rainy, truth = one.read()
        assert truth is not None
        target = severities()[one.condition].psnr
        assert psnr_luma(rainy, truth) == pytest.approx(target, abs=0.05)
