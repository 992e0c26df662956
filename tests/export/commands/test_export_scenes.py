from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from spikerain_edge.errors import InputError
from spikerain_edge.images import Image
from spikerain_edge.stream.demo import DemoScene
from spikerain_edge.stream.image_sinks import write_image
from spikerain_export.commands.flags import sizes_for
from spikerain_export.commands.scenes import Material, gather
from spikerain_export.verification import Scene

Draw = Callable[..., Image]
SIZE = (48, 64)


@pytest.fixture(scope="module")
def streets() -> dict[int, DemoScene]:
    return {seed: DemoScene(90, 120, seed) for seed in (7, 8)}


@pytest.fixture(autouse=True)
def small_demo(monkeypatch: pytest.MonkeyPatch, streets: dict[int, DemoScene]) -> None:
    """The demo, drawn in a fraction of its time."""
    monkeypatch.setattr("spikerain_export.commands.scenes.DemoScene", lambda seed=7: streets[seed])


def collected(data: Path | None, scales: bool = True) -> Material:
    return gather(None if data is None else str(data), [SIZE], scales=scales)


def proving(data: Path | None) -> list[Scene]:
    """What proves an export that needs no scales."""
    (scenes,) = collected(data, scales=False).proof
    return scenes


def album(folder: Path, pictures: list[Image]) -> Path:
    folder.mkdir(parents=True)
    for number, image in enumerate(pictures):
        write_image(folder / f"{number:02}.png", image)
    return folder


def paired(folder: Path, rainy: list[Image], clean: list[Image]) -> Path:
    album(folder / "rain", rainy)
    album(folder / "norain", clean)
    return folder


def test_an_export_is_always_proven_at_two_sizes() -> None:
    for imgsz in (None, (256, 256), (240, 320), (64, 64)):
        sizes = sizes_for(imgsz)
        assert len(set(sizes)) == 2
        assert imgsz is None or imgsz in sizes


def test_the_demo_is_compared_on_moments_that_differ() -> None:
    small = proving(None)
    assert all(scene.clean is not None and scene.clean.shape == (48, 64, 3) for scene in small)
    nearest = min(np.abs(a.rainy.astype(int) - b.rainy).mean() for a, b in pairwise(small))
    assert nearest > 1


def test_users_images_are_joined_by_scenes_whose_truth_is_known(
    tmp_path: Path, picture: Draw
) -> None:
    (mine, *demo) = proving(album(tmp_path / "mine", [picture()]))
    np.testing.assert_array_equal(mine.rainy, picture())
    assert mine.clean is None
    assert demo
    assert all(scene.clean is not None for scene in demo)


def test_users_pairs_bring_their_truth(tmp_path: Path, picture: Draw) -> None:
    (scene,) = proving(paired(tmp_path / "pairs", [picture(0)], [picture(1)]))
    assert scene.clean is not None
    np.testing.assert_array_equal(scene.rainy, picture(0))
    np.testing.assert_array_equal(scene.clean, picture(1))


@pytest.fixture
def data(request: pytest.FixtureRequest, tmp_path: Path, picture: Draw) -> Path | None:
    """A user's images, by their kind and number."""
    kind, count = request.param
    pictures = [picture(seed) for seed in range(count)]
    if kind == "demo":
        return None
    if kind == "pairs":
        return paired(tmp_path / "pairs", pictures, [255 - image for image in pictures])
    return album(tmp_path / "album", pictures)


KINDS = [("demo", 0), ("album", 1), ("album", 3), ("album", 20), ("pairs", 1), ("pairs", 5)]


@pytest.mark.parametrize("data", KINDS, indirect=True, ids=str)
def test_no_image_both_proves_and_chooses_scales(data: Path | None) -> None:
    material = collected(data)
    (proof,) = material.proof
    assert material.scales
    assert proof
    # Nothing of the same size is nearer than another picture would be.
    nearest = min(
        np.abs(scale.astype(int) - scene.rainy).mean()
        for scale in material.scales
        for scene in proof
    )
    assert nearest > 1
    assert any(scene.clean is not None for scene in proof)


@pytest.mark.parametrize("data", [("album", 5), ("pairs", 5)], indirect=True, ids=str)
def test_a_users_images_are_shared_out_in_turn(data: Path, picture: Draw) -> None:
    material = collected(data)
    np.testing.assert_array_equal(material.scales, [picture(1), picture(3)])
    rainy = [scene.rainy for scene in material.proof[0][:3]]
    np.testing.assert_array_equal(rainy, [picture(0), picture(2), picture(4)])
    assert material.note == ""


@pytest.mark.parametrize("data", [("album", 1), ("pairs", 1)], indirect=True, ids=str)
def test_an_only_image_chooses_the_scales_and_the_user_is_told(data: Path, picture: Draw) -> None:
    material = collected(data)
    np.testing.assert_array_equal(material.scales, [picture()])
    assert f"{data} has one image" in material.note
    assert len(material.proof[0]) == len(proving(None))


@pytest.mark.parametrize("data", [("album", 20)], indirect=True, ids=str)
def test_what_needs_no_scales_is_proven_on_all_images(data: Path, picture: Draw) -> None:
    material = collected(data, scales=False)
    assert material.scales == []
    np.testing.assert_array_equal(material.proof[0][1].rainy, picture(1))


def test_pairs_that_cannot_be_used_are_said_with_their_folder(
    tmp_path: Path, picture: Draw
) -> None:
    unequal = paired(tmp_path / "unequal", [picture(0)], [picture(0, 64, 64)])
    empty = paired(tmp_path / "empty", [], [picture(0)])
    strangers = paired(tmp_path / "strangers", [picture(0)], [])
    write_image(strangers / "norain" / "other.png", picture(1))
    for folder, reason in ((unequal, "is 64x48 but"), (empty, "no images"), (strangers, "match")):
        with pytest.raises(InputError) as raised:
            collected(folder)
        assert f"cannot use --data {folder}: " in str(raised.value)
        assert reason in str(raised.value)


def test_without_torch_the_clean_half_of_a_folder_is_not_taken_for_rainy(
    tmp_path: Path, picture: Draw
) -> None:
    for seed, name in enumerate(("rain-1", "norain-1")):
        write_image(tmp_path / f"{name}.png", picture(seed))
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from spikerain_export.commands.scenes import gather\n"
        f"(scenes,) = gather({str(tmp_path)!r}, [{SIZE}], scales=False).proof\n"
        "print(len(scenes), scenes[0].rainy.mean() , scenes[0].clean.mean())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    expected = (1, picture(0).mean(), picture(1).mean())
    assert done.stdout.split() == [str(value) for value in expected]
