"""Which files a path means, and in which order they come."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from spikerain_edge.errors import InputError
from spikerain_edge.images import Image
from spikerain_edge.stream.image_sinks import write_image
from spikerain_edge.stream.local import natural_order
from spikerain_edge.stream.sources import DemoSource, open_source

Draw = Callable[..., Image]


@pytest.fixture
def place(tmp_path: Path, picture: Draw) -> Callable[..., Path]:
    """Puts images of these names into a folder."""

    def put(*names: str) -> Path:
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            write_image(tmp_path / name, picture())
        return tmp_path

    return put


def names_of(uri: Path | str) -> list[str]:
    return [frame.name for frame in open_source(str(uri))]


@pytest.mark.parametrize("pattern", ["", "/*.png", "/img_*"])
def test_images_come_in_natural_order(place: Callable[..., Path], pattern: str) -> None:
    folder = place(*(f"img_{number}.png" for number in range(12)))
    assert names_of(f"{folder}{pattern}") == [f"img_{number}" for number in range(12)]


@pytest.mark.parametrize(
    "ordered",
    [
        ["2.png", "10.png", "a.png"],
        ["cam1/9.png", "cam2/1.png", "cam10/1.png"],
        ["v1.2.png", "v1.10.png"],
        ["x1.png", "x2.png", "x02y.png", "x3.png"],
        # Digits of other scripts are letters here.
        ["٣.png", "٤.png"],
    ],
)
def test_numbers_in_names_count(ordered: list[str]) -> None:
    shuffled = sorted(map(Path, ordered), reverse=True)
    assert [str(path) for path in sorted(shuffled, key=natural_order)] == ordered


def test_two_stars_stand_for_any_number_of_folders(place: Callable[..., Path]) -> None:
    folder = place("nest/a.png", "nest/b/c.png", "nest/b/d/e.png", "other/f.png")
    assert sorted(names_of(f"{folder}/nest/**/*.png")) == ["a", "c", "e"]


@pytest.mark.parametrize("pattern", ["", "/*.png"])
def test_a_link_that_leads_nowhere_is_named(place: Callable[..., Path], pattern: str) -> None:
    folder = place("a.png", "c.png")
    (folder / "b.png").symlink_to("nowhere.png")
    source = open_source(f"{folder}{pattern}")
    shown = []
    with pytest.raises(InputError, match=rf"{folder}/b\.png"):
        shown.extend(frame.name for frame in source)
    assert shown == ["a", "c"]
    assert source.missing == 1


def test_what_is_passed_over_is_named(
    place: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    folder = place("a.png")
    for name in ("notes.txt", "clip.mp4", "._a.png"):
        (folder / name).write_text("not an image")
    (folder / "empty.png").mkdir()
    with caplog.at_level(logging.WARNING):
        assert names_of(folder) == ["a"]
    assert caplog.messages == ["passed over, not images: ._a.png, clip.mp4, notes.txt"]


@pytest.mark.parametrize("name", ["demo", "2024"])
def test_what_exists_comes_before_the_demo_and_cameras(
    place: Callable[..., Path],
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.chdir(place(f"{name}/a.png"))
    with caplog.at_level(logging.WARNING):
        assert names_of(name) == ["a"]
    assert f"{name} is a file or folder here" in caplog.text


def test_elsewhere_demo_is_the_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert isinstance(open_source("demo"), DemoSource)


def test_images_of_a_folder_are_found_by_content(
    place: Callable[..., Path], picture: Draw, caplog: pytest.LogCaptureFixture
) -> None:
    folder = place("a.png", "b.jpe.png", "c.png")
    (folder / "b.jpe.png").write_bytes(cv2.imencode(".jpg", picture())[1].tobytes())
    (folder / "b.jpe.png").rename(folder / "b.jpe")
    (folder / "c.png").rename(folder / "c")
    (folder / "clip.mp4").write_bytes(b"\0\0\0\x18ftypmp42")
    assert names_of(folder) == ["a", "b", "c"]
    assert names_of(folder / "c") == ["c"]
    assert "clip.mp4" in caplog.text
    assert "b.jpe" not in caplog.text


def test_every_page_of_a_document_has_a_name_of_its_own(
    place: Callable[..., Path], picture: Draw
) -> None:
    folder = place("pages_0001.png", "z.png")
    pages = [picture(seed) for seed in range(3)]
    (folder / "pages.tif").write_bytes(cv2.imencodemulti(".tif", pages)[1].tobytes())
    shown = list(open_source(str(folder)))
    names = ["pages_0001_", "pages_0002_", "pages_0003_", "pages_0001", "z"]
    assert [frame.name for frame in shown] == names
    assert [frame.sequence for frame in shown] == [0, 1, 2, 3, 4]
    for frame, page in zip(shown, pages, strict=False):
        np.testing.assert_array_equal(frame.image, page)
    alone = [frame.name for frame in open_source(str(folder / "pages.tif"))]
    assert alone == ["pages_0001", "pages_0002", "pages_0003"]
