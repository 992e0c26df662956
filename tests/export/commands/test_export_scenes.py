from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from spikerain_edge.errors import InputError
from spikerain_edge.images import Image
from spikerain_edge.stream.demo import DemoScene
from spikerain_edge.stream.image_sinks import write_image
from spikerain_export.commands.flags import sizes_for
from spikerain_export.commands.scenes import KNOWN, Material, gather
from spikerain_export.rainy_scenes import draw_scenes
from spikerain_export.truth import Scene

Draw = Callable[..., Image]
SIZE = (48, 64)


class Remembered(DemoScene):
    """The demo, each frame decoded once."""

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[int, Image] = {}

    def clean(self, index: int) -> Image:
        if index not in self._known:
            self._known[index] = super().clean(index)
        return self._known[index]


@pytest.fixture(scope="module")
def street() -> DemoScene:
    return Remembered()


@pytest.fixture(autouse=True)
def decoded_once(monkeypatch: pytest.MonkeyPatch, street: DemoScene) -> None:
    monkeypatch.setattr("spikerain_export.rainy_scenes.DemoScene", lambda: street)


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


def test_the_built_in_scenes_are_many_and_all_different() -> None:
    small = proving(None)
    assert len(small) == KNOWN == 24
    for scene in small:
        assert scene.clean is not None
        assert scene.rainy.shape == scene.clean.shape == (48, 64, 3)
        assert (scene.rainy != scene.clean).any(), "it rains"
    pairs = combinations(small, 2)
    assert min(np.abs(a.rainy.astype(int) - b.rainy).mean() for a, b in pairs) > 5


def test_the_same_scenes_are_drawn_every_time_and_others_by_another_seed() -> None:
    first, again, others = (draw_scenes(3, SIZE, seed) for seed in (1, 1, 2))
    for one, same, other in zip(first, again, others, strict=True):
        np.testing.assert_array_equal(one.rainy, same.rainy)
        assert np.abs(one.rainy.astype(int) - other.rainy).mean() > 5


def test_a_few_scenes_of_the_second_size_join_the_many_of_the_first() -> None:
    many, few = gather(None, [SIZE, (64, 64)], scales=False).proof
    assert len(many) > 10 * len(few) > 0
    assert {scene.rainy.shape for scene in few} == {(64, 64, 3)}


def test_users_images_are_joined_by_scenes_whose_truth_is_known(
    tmp_path: Path, picture: Draw
) -> None:
    (mine, *demo) = proving(album(tmp_path / "mine", [picture()]))
    np.testing.assert_array_equal(mine.rainy, picture())
    assert mine.clean is None
    assert demo
    assert all(scene.clean is not None for scene in demo)


def test_users_pairs_bring_their_truth_and_few_are_joined_by_others(
    tmp_path: Path, picture: Draw
) -> None:
    found = proving(paired(tmp_path / "pairs", [picture(0)], [picture(1)]))
    assert found[0].clean is not None
    np.testing.assert_array_equal(found[0].rainy, picture(0))
    np.testing.assert_array_equal(found[0].clean, picture(1))
    assert len(found) == KNOWN


def test_enough_pairs_are_joined_by_nothing(tmp_path: Path, picture: Draw) -> None:
    pictures = [picture(seed) for seed in range(KNOWN + 2)]
    found = proving(paired(tmp_path / "pairs", pictures, pictures[::-1]))
    assert len(found) == KNOWN
    np.testing.assert_array_equal([scene.rainy for scene in found], pictures[:KNOWN])


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
        "print(scenes[0].rainy.mean(), scenes[0].clean.mean())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    expected = (picture(0).mean(), picture(1).mean())
    assert done.stdout.split() == [str(value) for value in expected]
