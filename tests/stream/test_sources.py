from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from spikerain_edge.errors import InputError, SpikeRainError, StreamError
from spikerain_edge.images import Image
from spikerain_edge.images.reading import read_image
from spikerain_edge.stream.frame import Frame
from spikerain_edge.stream.sources import DemoSource, Source, open_source
from spikerain_edge.stream.uris import without_password

Draw = Callable[..., Image]


def frames_of(source: Source) -> list[Frame]:
    try:
        return list(source)
    finally:
        source.close()


def save(path: Path, image: npt.NDArray[np.integer[Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, image)[1].tobytes())
    return path


@pytest.fixture
def album(tmp_path: Path, picture: Draw) -> Path:
    for index in range(3):
        save(tmp_path / "my album" / f"rainy day {index}.png", picture(index))
    (tmp_path / "my album" / "notes.txt").write_text("no image")
    return tmp_path / "my album"


def test_the_demo_needs_no_files_and_can_be_shortened() -> None:
    source = DemoSource(frames=2)
    shown = frames_of(source)

    assert source.length == 2
    assert [frame.image.shape for frame in shown] == [(360, 640, 3)] * 2
    assert [frame.sequence for frame in shown] == [0, 1]
    assert shown[0].captured <= shown[1].captured


@pytest.mark.parametrize(
    ("uri", "names"),
    [
        ("{album}", [0, 1, 2]),
        ("{album}/", [0, 1, 2]),
        ("{album}/rainy day 1.png", [1]),
        ("file://{album}/rainy day 1.png", [1]),
        ("file://{album}/rainy%20day%202.png", [2]),
        ("file://localhost{album}/rainy%20day%202.png", [2]),
        ("{album}/*.png", [0, 1, 2]),
        ("{album}/rainy day [02].png", [0, 2]),
        ("{album}/rainy da? 1.*", [1]),
    ],
)
def test_images_are_named_by_file_folder_glob_or_uri(
    album: Path, picture: Draw, uri: str, names: list[int]
) -> None:
    source = open_source(uri.format(album=album))
    shown = frames_of(source)

    assert not source.live
    assert source.length == len(names)
    assert [frame.name for frame in shown] == [f"rainy day {name}" for name in names]
    for frame, name in zip(shown, names, strict=True):
        np.testing.assert_array_equal(frame.image, picture(name))


def test_a_name_that_looks_like_a_glob_is_a_file_if_there_is_one(
    tmp_path: Path, picture: Draw
) -> None:
    save(tmp_path / "shot[1].png", picture())
    assert [frame.name for frame in frames_of(open_source(f"{tmp_path}/shot[1].png"))] == [
        "shot[1]"
    ]


def test_files_that_share_a_name_keep_apart(tmp_path: Path, picture: Draw) -> None:
    for name in ("a.jpg", "a.png", "b.png", "a.jpg.png"):
        save(tmp_path / name, picture())
    names = [frame.name for frame in frames_of(open_source(str(tmp_path)))]
    assert len(set(names)) == 4
    assert {"a.jpg", "a.png", "b"} < set(names)


def test_files_of_several_folders_keep_apart(tmp_path: Path, picture: Draw) -> None:
    for name in ("left/1.png", "right/1.png", "right/2.png"):
        save(tmp_path / name, picture())
    names = [frame.name for frame in frames_of(open_source(f"{tmp_path}/*/*.png"))]
    assert names == ["left_1.png", "right_1.png", "2"]


@pytest.mark.parametrize("uri", ["", "nowhere.png", "nowhere/", "file:///nowhere/x.png", "x" * 300])
def test_what_is_not_there_is_said(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError):
        open_source(uri)


@pytest.mark.parametrize("uri", ["{folder}", "{folder}/*.png", "file://{folder}"])
def test_a_place_without_images_is_said(uri: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.raises(InputError, match=r"image.*\.png"):
        open_source(uri.format(folder=tmp_path))


@pytest.mark.parametrize(
    "uri", ["/dev/video99", "v4l2:///dev/video99", "file:///dev/video99", "99", "/dev/v4l/by-id/x"]
)
def test_a_missing_camera_is_a_failed_stream(uri: str) -> None:
    with pytest.raises(StreamError, match=r"(video|camera ?)99|by-id/x"):
        open_source(uri)


def test_an_unreachable_url_is_a_failed_stream_without_its_password() -> None:
    with pytest.raises(StreamError, match=r"rtsp://127\.0\.0\.1:9/gate .*refused") as raised:
        open_source("rtsp://admin:s3cret@127.0.0.1:9/gate?token=s3cret")
    assert "s3cret" not in str(raised.value)
    assert "admin" not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "rtsp://me:s3cret@camera/x",
        "rtsp://me:s3cret/@camera/x",
        "rtsp://me:s3cret@@camera/x",
        "rtsp://me:s3cret#?@camera/x",
        "rtsp://camera/x?user=me&password=s3cret",
        "rtsp://me:s3cret@camera/x?password=s3cret",
    ],
)
def test_passwords_are_cut_out_even_if_badly_encoded(url: str) -> None:
    assert without_password(url) == "rtsp://camera/x"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://cam/user=admin_password=s3cret_channel=1_stream=0.sdp", "rtsp://cam/..."),
        ("rtsp://cam/live/username=me&pwd=s3cret", "rtsp://cam/live/..."),
        ("http://cam/x#token=s3cret", "http://cam/x"),
        ("http://cam/users/1/pass.mjpg", "http://cam/users/1/pass.mjpg"),
    ],
)
def test_passwords_in_paths_are_cut_out(url: str, shown: str) -> None:
    assert without_password(url) == shown


def test_what_is_no_url_is_shown_as_it_is() -> None:
    for uri in ("demo", "0", "/dev/video0", "me@home/what?.png", "file:///a@b?.png"):
        assert without_password(uri) == uri


def test_grey_deep_and_transparent_images_become_bgr(tmp_path: Path, picture: Draw) -> None:
    image = picture()
    grey = image[..., 0]
    alpha = np.dstack([image, np.zeros_like(grey)])
    deep = image.astype(np.uint16) * 257

    np.testing.assert_array_equal(
        read_image(save(tmp_path / "grey.png", grey)), np.dstack([grey] * 3)
    )
    np.testing.assert_array_equal(read_image(save(tmp_path / "alpha.png", alpha)), image)
    for suffix in (".png", ".tif"):
        read = read_image(save(tmp_path / f"deep{suffix}", deep))
        assert read.dtype == np.uint8
        np.testing.assert_allclose(read.astype(int), image.astype(int), atol=1)


@pytest.mark.parametrize("suffix", [".bmp", ".png", ".tif", ".PNG"])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (17, 31), (48, 63)])
def test_lossless_images_of_any_size_come_as_they_are(
    tmp_path: Path, picture: Draw, suffix: str, height: int, width: int
) -> None:
    image = picture(height=height, width=width)
    save(tmp_path / f"x{suffix}", image)
    (frame,) = frames_of(open_source(str(tmp_path)))
    np.testing.assert_array_equal(frame.image, image)


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".webp"])
def test_lossy_images_are_read(tmp_path: Path, picture: Draw, suffix: str) -> None:
    (frame,) = frames_of(open_source(str(save(tmp_path / f"x{suffix}", picture()))))
    assert np.abs(frame.image.astype(int) - picture()).mean() < 5


def test_photographs_are_turned_as_exif_says(tmp_path: Path, picture: Draw) -> None:
    jpeg = save(tmp_path / "turned.jpg", picture()).read_bytes()
    quarter_turn = struct.pack("<HHHIHHI", 1, 0x0112, 3, 1, 6, 0, 0)
    exif = b"Exif\0\0II*\0\x08\0\0\0" + quarter_turn
    segment = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    (tmp_path / "turned.jpg").write_bytes(jpeg[:2] + segment + jpeg[2:])

    turned = read_image(tmp_path / "turned.jpg")

    upright = np.rot90(picture(), -1)
    assert turned.shape == upright.shape
    assert np.abs(turned.astype(int) - upright).mean() < 5


def test_bytes_after_a_jpeg_do_not_matter(tmp_path: Path, picture: Draw) -> None:
    path = save(tmp_path / "phone.jpg", picture())
    path.write_bytes(path.read_bytes() + b"\0" * 100)
    assert read_image(path).shape == (48, 64, 3)


@pytest.mark.parametrize("kept", [0.3, 0.7, 0.97])
@pytest.mark.parametrize("suffix", [".bmp", ".jpg", ".png", ".tif", ".webp"])
def test_a_truncated_image_is_refused_by_name(
    tmp_path: Path, picture: Draw, suffix: str, kept: float
) -> None:
    save(tmp_path / "whole.png", picture())
    path = save(tmp_path / f"broken{suffix}", picture())
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    with pytest.raises(InputError, match=f"broken{suffix}"):
        frames_of(open_source(str(tmp_path)))


@pytest.mark.parametrize("content", [b"", b"just some text\n", b"\xff\xd8", b"\x89PNG\r\n\x1a\n"])
@pytest.mark.parametrize("name", ["odd.png", "odd.jpg", "odd.mp4", "odd", "odd.avi"])
def test_what_is_neither_image_nor_video_is_refused_by_name(
    tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=name):
        frames_of(open_source(str(tmp_path / name)))


def test_an_image_that_vanishes_is_refused_by_name(tmp_path: Path, picture: Draw) -> None:
    source = open_source(str(save(tmp_path / "there.png", picture())))
    (tmp_path / "there.png").unlink()
    with pytest.raises(InputError, match=r"there\.png: No such file"):
        frames_of(source)


def test_images_that_cannot_be_read_do_not_hold_up_the_others(
    tmp_path: Path, picture: Draw
) -> None:
    for name in "abcdef":
        save(tmp_path / f"{name}.png", picture())
    for name in "bcde":
        (tmp_path / f"{name}.png").write_bytes(b"no image")
    source = open_source(str(tmp_path))
    shown = []

    with pytest.raises(InputError) as raised:
        shown.extend((frame.name, frame.sequence) for frame in source)

    assert shown == [("a", 0), ("f", 5)]
    assert source.missing == 4
    named = ", ".join(str(tmp_path / f"{name}.png") for name in "bcd")
    assert raised.value.cause == f"4 of 6 images cannot be decoded: {named} and 1 more"


def test_errors_are_of_the_one_family() -> None:
    with pytest.raises(SpikeRainError) as raised:
        open_source("http://[::1")
    assert raised.value.exit_code == 3
