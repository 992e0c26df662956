from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from stream_parts import send

from spikerain_edge.errors import InputError, StreamError
from spikerain_edge.images import Image
from spikerain_edge.images.reading import read_image
from spikerain_edge.stream.image_sinks import write_image
from spikerain_edge.stream.sinks import may_replace, open_sink

Draw = Callable[..., Image]
ReadVideo = Callable[[Path], list[Image]]
Files = Callable[[Path], list[str]]


@pytest.mark.parametrize("destination", ["new/and deep", "new/and deep/", "v1.2/"])
def test_a_folder_keeps_names_and_every_pixel(
    tmp_path: Path, picture: Draw, files: Files, destination: str
) -> None:
    images = [picture(seed, 17 + seed, 33) for seed in range(3)]
    sink = open_sink(f"{tmp_path}/{destination}", 25)
    send(sink, *images)
    sink.close()

    folder = tmp_path / destination
    assert files(folder) == ["shot 0.png", "shot 1.png", "shot 2.png"]
    for number, image in enumerate(images):
        np.testing.assert_array_equal(read_image(folder / f"shot {number}.png"), image)


def test_an_existing_folder_may_look_like_a_file(
    tmp_path: Path, picture: Draw, files: Files
) -> None:
    (tmp_path / "rain.mp4").mkdir()
    sink = open_sink(str(tmp_path / "rain.mp4"), 25)
    send(sink, picture())
    sink.close()
    assert files(tmp_path / "rain.mp4") == ["shot 0.png"]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("img_%04d.png", ["img_0000.png", "img_0001.png"]),
        ("%d.bmp", ["0.bmp", "1.bmp"]),
        ("100%_%02d.png", ["100%_00.png", "100%_01.png"]),
    ],
)
def test_a_pattern_counts(
    tmp_path: Path, picture: Draw, files: Files, pattern: str, names: list[str]
) -> None:
    sink = open_sink(f"{tmp_path}/day %d/{pattern}", 25)
    send(sink, picture(0), picture(1), first=70)
    sink.close()

    assert files(tmp_path / "day %d") == names
    for seed, name in enumerate(names):
        np.testing.assert_array_equal(read_image(tmp_path / "day %d" / name), picture(seed))


def test_a_single_image_takes_no_second_frame(tmp_path: Path, picture: Draw, files: Files) -> None:
    sink = open_sink(str(tmp_path / "one.png"), 25)
    send(sink, picture(0))
    with pytest.raises(InputError, match=r"one frame only; .*img_%04d\.png"):
        send(sink, picture(1))
    sink.close()
    assert files(tmp_path) == ["one.png"]
    np.testing.assert_array_equal(read_image(tmp_path / "one.png"), picture(0))


@pytest.mark.parametrize("suffix", [".mp4", ".png"])
def test_a_name_may_be_as_long_as_the_file_system_allows(
    tmp_path: Path, picture: Draw, files: Files, suffix: str
) -> None:
    name = "x" * (255 - len(suffix)) + suffix
    sink = open_sink(str(tmp_path / name), 25)
    send(sink, picture())
    sink.close()
    assert files(tmp_path) == [name]


def test_a_crop_of_a_larger_image_is_written_as_it_looks(
    tmp_path: Path, picture: Draw, read_video: ReadVideo
) -> None:
    crop = picture(0, 60, 80)[:48, :64]
    for name in ("crops/", "crop.mp4"):
        sink = open_sink(f"{tmp_path}/{name}", 25)
        send(sink, crop)
        sink.close()
    np.testing.assert_array_equal(read_image(tmp_path / "crops" / "shot 0.png"), crop)
    (shown,) = read_video(tmp_path / "crop.mp4")
    assert np.abs(shown.astype(int) - crop).mean() < 12


@pytest.mark.parametrize("destination", ["out.mp4", "new/out.avi", "new/", "new/%d.png", "x.png"])
def test_nothing_is_left_of_nothing(tmp_path: Path, files: Files, destination: str) -> None:
    open_sink(f"{tmp_path}/{destination}", 25).close()
    assert files(tmp_path) == []


def test_a_folder_that_was_there_stays(tmp_path: Path, files: Files) -> None:
    (tmp_path / "old").mkdir()
    open_sink(f"{tmp_path}/old/new/", 25).close()
    assert files(tmp_path) == ["old"]


def test_a_colon_in_a_name_is_no_protocol(
    tmp_path: Path, picture: Draw, monkeypatch: pytest.MonkeyPatch, files: Files
) -> None:
    monkeypatch.chdir(tmp_path)
    sink = open_sink("12:30.mp4", 25)
    send(sink, picture())
    sink.close()
    assert files(tmp_path) == ["12:30.mp4"]


@pytest.mark.parametrize(
    "destination",
    ["{file}/below", "{file}/below/", "{file}/", "{file}/out.mp4", "{file}/%d.png", "/proc/xyz/"],
)
def test_a_place_that_cannot_be_written_fails_at_once(tmp_path: Path, destination: str) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StreamError, match=r"cannot write .*; name another place with --output"):
        open_sink(destination.format(file=tmp_path / "file"), 25)


@pytest.mark.parametrize(
    "destination", ["/proc/out.mp4", "/proc/out.png", f"{'x' * 300}.mp4", f"{'x' * 300}.png"]
)
def test_a_file_that_cannot_be_written_fails_with_the_first_frame(
    tmp_path: Path, picture: Draw, destination: str, monkeypatch: pytest.MonkeyPatch, files: Files
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StreamError, match="cannot write"):
        send(open_sink(destination, 25), picture())
    assert files(tmp_path) == []


def test_a_format_that_cannot_hold_the_image_is_said(tmp_path: Path, files: Files) -> None:
    wide = np.zeros((16, 17000, 3), np.uint8)
    with pytest.raises(StreamError, match=r"no image of 17000x16; .*\.png"):
        write_image(tmp_path / "wide.webp", wide)
    assert files(tmp_path) == []


@pytest.mark.parametrize("destination", ["", "out.xyz", "{folder}/movie.ogg2"])
def test_an_unknown_suffix_is_refused(tmp_path: Path, destination: str) -> None:
    with pytest.raises(InputError, match=r"cannot tell what to write .*\.mp4.*\.png.*or in /"):
        open_sink(destination.format(folder=tmp_path), 25)


@pytest.mark.parametrize(
    ("destination", "file", "expected"),
    [
        ("in/", "in/a.png", True),
        ("in", "in/a.png", True),
        ("in/../in/", "in/a.png", True),
        ("out/", "in/a.png", False),
        ("in/deeper/", "in/a.png", False),
        ("a.mp4", "a.mp4", True),
        ("./a.mp4", "a.mp4", True),
        ("b.mp4", "a.mp4", False),
        ("link.mp4", "a.mp4", True),
        ("in/img_%04d.png", "in/img_0007.png", True),
        ("in/img_%04d.png", "in/img_0007.jpg", False),
        ("in/img_%04d.png", "in/img_.png", False),
        ("out/img_%04d.png", "in/img_0007.png", False),
        ("in/img_%04d.mp4", "in/img_0007.mp4", False),
    ],
)
def test_what_an_output_would_replace_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, destination: str, file: str, expected: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    Path("a.mp4").touch()
    Path("link.mp4").symlink_to("a.mp4")
    assert may_replace(destination, Path(file)) is expected


def test_written_images_are_what_opencv_reads(tmp_path: Path, picture: Draw) -> None:
    write_image(tmp_path / "x.png", picture())
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "x.png")), picture())
