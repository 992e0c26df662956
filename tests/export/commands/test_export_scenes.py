from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from spikerain_edge.errors import InputError
from spikerain_edge.images import Image
from spikerain_edge.stream.demo import DemoScene
from spikerain_edge.stream.image_sinks import write_image
from spikerain_export.commands.flags import sizes_for
from spikerain_export.commands.scenes import KNOWN, ExportImages, collect_images
from spikerain_export.rainy_scenes import draw_scenes
from spikerain_export.truth import Scene

Draw = Callable[..., Image]
SIZE = (48, 64)


class CachedDemo(DemoScene):
    """The demo; each frame is decoded only once."""

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[int, Image] = {}

    def clean(self, index: int) -> Image:
        if index not in self._known:
            self._known[index] = super().clean(index)
        return self._known[index]


@pytest.fixture(scope="module")
def street() -> DemoScene:
    return CachedDemo()


@pytest.fixture(autouse=True)
def decoded_once(monkeypatch: pytest.MonkeyPatch, street: DemoScene) -> None:
    monkeypatch.setattr("spikerain_export.rainy_scenes.DemoScene", lambda: street)


def collected(data: Path | None, scales: bool = True) -> ExportImages:
    return collect_images(None if data is None else str(data), [SIZE], scales=scales)


def rainy_of(scenes: Sequence[Scene]) -> list[Image]:
    return [scene.rainy for scene in scenes]


def verification_scenes(data: Path | None) -> list[Scene]:
    """Scenes that verify an export that needs no scales."""
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


def test_every_export_is_verified_at_two_sizes() -> None:
    for imgsz in (None, (256, 256), (240, 320), (64, 64)):
        sizes = sizes_for(imgsz)
        assert len(set(sizes)) == 2
        assert imgsz is None or imgsz in sizes


@pytest.mark.slow
def test_the_24_built_in_scenes_all_differ() -> None:
    small = verification_scenes(None)
    assert len(small) == KNOWN == 24
    for scene in small:
        assert scene.clean is not None
        assert scene.rainy.shape == scene.clean.shape == (48, 64, 3)
        assert (scene.rainy != scene.clean).any(), "it rains"
    pairs = combinations(small, 2)
    assert min(np.abs(a.rainy.astype(int) - b.rainy).mean() for a, b in pairs) > 5


def test_a_seed_always_draws_the_same_scenes() -> None:
    first, again, others = (draw_scenes(3, SIZE, seed) for seed in (1, 1, 2))
    for one, same, other in zip(first, again, others, strict=True):
        np.testing.assert_array_equal(one.rainy, same.rainy)
        assert np.abs(one.rainy.astype(int) - other.rainy).mean() > 5


def test_there_are_many_scenes_of_the_first_size_and_a_few_of_the_second() -> None:
    many, few = collect_images(None, [SIZE, (64, 64)], scales=False).proof
    assert len(many) > 10 * len(few) > 0
    assert {scene.rainy.shape for scene in few} == {(64, 64, 3)}


def test_images_without_clean_versions_are_supplemented_by_built_in_scenes(
    tmp_path: Path, picture: Draw
) -> None:
    (mine, *demo) = verification_scenes(album(tmp_path / "mine", [picture()]))
    np.testing.assert_array_equal(mine.rainy, picture())
    assert mine.clean is None
    assert demo
    assert all(scene.clean is not None for scene in demo)


def test_few_pairs_keep_their_clean_images_and_are_supplemented_by_built_in_scenes(
    tmp_path: Path, picture: Draw
) -> None:
    found = verification_scenes(paired(tmp_path / "pairs", [picture(0)], [picture(1)]))
    assert found[0].clean is not None
    np.testing.assert_array_equal(found[0].rainy, picture(0))
    np.testing.assert_array_equal(found[0].clean, picture(1))
    assert len(found) == KNOWN


def test_enough_pairs_need_no_built_in_scenes(tmp_path: Path, picture: Draw) -> None:
    pictures = [picture(seed) for seed in range(KNOWN + 2)]
    found = verification_scenes(paired(tmp_path / "pairs", pictures, pictures[::-1]))
    assert len(found) == KNOWN
    np.testing.assert_array_equal([scene.rainy for scene in found], pictures[:KNOWN])


@pytest.fixture
def data(request: pytest.FixtureRequest, tmp_path: Path, picture: Draw) -> Path | None:
    """The user's images: the demo, or so many images or pairs in a folder."""
    kind, count = request.param
    pictures = [picture(seed) for seed in range(count)]
    if kind == "demo":
        return None
    if kind == "pairs":
        return paired(tmp_path / "pairs", pictures, [255 - image for image in pictures])
    return album(tmp_path / "album", pictures)


KINDS = [("demo", 0), ("album", 1), ("album", 3), ("album", 20), ("pairs", 1), ("pairs", 5)]


@pytest.mark.parametrize("data", KINDS, indirect=True, ids=str)
def test_no_image_is_used_for_both_verification_and_scales(data: Path | None) -> None:
    material = collected(data)
    (proof,) = material.proof
    assert material.scales
    assert proof
    # No scale image is nearer to a verification image than two different images are.
    nearest = min(
        np.abs(scale.rainy.astype(int) - scene.rainy).mean()
        for scale in material.scales
        for scene in proof
    )
    assert nearest > 1
    assert any(scene.clean is not None for scene in proof)


@pytest.mark.parametrize("data", [("album", 5), ("pairs", 5)], indirect=True, ids=str)
def test_images_alternate_between_verification_and_scales(data: Path, picture: Draw) -> None:
    material = collected(data)
    np.testing.assert_array_equal(rainy_of(material.scales), [picture(1), picture(3)])
    rainy = rainy_of(material.proof[0][:3])
    np.testing.assert_array_equal(rainy, [picture(0), picture(2), picture(4)])
    assert material.note == ""


@pytest.mark.parametrize("data", [("album", 1), ("pairs", 1)], indirect=True, ids=str)
def test_a_single_image_chooses_the_scales_and_a_note_says_so(data: Path, picture: Draw) -> None:
    material = collected(data)
    np.testing.assert_array_equal(rainy_of(material.scales), [picture()])
    assert f"{data} has only one image" in material.note
    assert len(material.proof[0]) == len(verification_scenes(None))


@pytest.mark.parametrize("data", [("album", 20)], indirect=True, ids=str)
def test_without_scales_all_images_verify_the_export(data: Path, picture: Draw) -> None:
    material = collected(data, scales=False)
    assert material.scales == []
    np.testing.assert_array_equal(material.proof[0][1].rainy, picture(1))


def test_errors_about_pairs_name_the_folder_and_the_reason(tmp_path: Path, picture: Draw) -> None:
    unequal = paired(tmp_path / "unequal", [picture(0)], [picture(0, 64, 64)])
    empty = paired(tmp_path / "empty", [], [picture(0)])
    strangers = paired(tmp_path / "strangers", [picture(0)], [])
    write_image(strangers / "norain" / "other.png", picture(1))
    for folder, reason in ((unequal, "is 64x48 but"), (empty, "no images"), (strangers, "match")):
        with pytest.raises(InputError) as raised:
            collected(folder)
        assert f"cannot use --data {folder}: " in str(raised.value)
        assert reason in str(raised.value)


@pytest.mark.slow
def test_pairs_are_recognised_without_torch(tmp_path: Path, picture: Draw) -> None:
    for seed, name in enumerate(("rain-1", "norain-1")):
        write_image(tmp_path / f"{name}.png", picture(seed))
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from spikerain_export.commands.scenes import collect_images\n"
        f"(scenes,) = collect_images({str(tmp_path)!r}, [{SIZE}], scales=False).proof\n"
        "print(scenes[0].rainy.mean(), scenes[0].clean.mean())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    expected = (picture(0).mean(), picture(1).mean())
    assert done.stdout.split() == [str(value) for value in expected]
