"""Files and places as people have them: links, pipes, wrong names, several videos, HDR."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from spikerain_edge.errors import InputError, StreamError
from spikerain_edge.images import Image
from spikerain_edge.images.reading import read_pages
from spikerain_edge.stream.frame import Frame
from spikerain_edge.stream.sinks import may_replace, open_sink
from spikerain_edge.stream.sources import open_source

Ffmpeg = Callable[..., None]
Draw = Callable[..., Image]
Run = Callable[..., subprocess.CompletedProcess[str]]
CLIP = ("-f", "lavfi", "-i", "testsrc2=s=64x48:r=10:d=0.5")
SOUND = ("-f", "lavfi", "-i", "sine=d=0.5")
ODD_NAMES = [
    *(b"a\nb", b"\xff\xfe", b"x" * 251, b"-lead", b" space ", b"%d", b"q\"'$`", b"\x1b[31mred"),
    "ü😀".encode(),
]


def read(place: Path | str) -> list[Frame]:
    source = open_source(str(place))
    try:
        return list(source)
    finally:
        source.close()


def save(path: Path, image: Image) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", image)[1].tobytes())
    return path


def test_names_of_any_bytes_are_read_and_written(tmp_path: Path, picture: Draw) -> None:
    names = [os.fsdecode(name) for name in ODD_NAMES]
    for name in names:
        save(tmp_path / "in" / f"{name}.png", picture())
    sink = open_sink(f"{tmp_path}/out/", 25, len(names))
    for frame in read(tmp_path / "in"):
        sink.write(frame, frame.image)
    sink.close()
    written = {path.name: path for path in (tmp_path / "out").iterdir()}
    assert set(written) == {f"{name}.png" for name in names}
    for path in written.values():
        np.testing.assert_array_equal(read_pages(path)[0].image, picture())


def test_a_link_that_leads_to_itself_is_named_and_holds_up_nothing(
    tmp_path: Path, picture: Draw, spikerain: Run
) -> None:
    save(tmp_path / "in" / "a.png", picture())
    (tmp_path / "in" / "loop.png").symlink_to("loop.png")
    ended = spikerain("--camera", "in", "--output", "out/")
    assert ended.returncode == 2
    assert "cannot read in/loop.png: Too many levels of symbolic links" in ended.stderr
    assert (tmp_path / "out" / "a.png").is_file()


def test_an_output_that_is_a_link_to_itself_is_replaced(tmp_path: Path, picture: Draw) -> None:
    place = tmp_path / "x.png"
    place.symlink_to("x.png")
    assert may_replace(str(place), place)
    sink = open_sink(str(place), 25)
    sink.write(Frame(picture(), 0, 0.0, "a"), picture())
    sink.close()
    np.testing.assert_array_equal(read_pages(place)[0].image, picture())
    place.unlink()
    place.symlink_to("x.png")
    with pytest.raises(StreamError, match=r"x\.png"):
        open_sink(f"{place}/video.mp4", 25)


def test_a_folder_that_links_to_itself_gives_each_image_once(tmp_path: Path, picture: Draw) -> None:
    for name in ("a.png", "deep/b.png"):
        save(tmp_path / "in" / name, picture())
    (tmp_path / "in" / "self").symlink_to(tmp_path / "in")
    assert [frame.name for frame in read(tmp_path / "in" / "**" / "*.png")] == ["a", "b"]


def test_a_pipe_is_not_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.png")
    with pytest.raises(InputError, match=r"x\.png is a pipe or a device, not a file"):
        open_source(str(tmp_path / "x.png"))


@pytest.mark.parametrize("name", ["x.png", "x.mp4", "x.heic", "x", "x.txt"])
def test_an_empty_file_is_called_empty(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(InputError, match=f"{name} is empty"):
        open_source(str(tmp_path / name))


def test_an_empty_image_of_a_folder_is_called_empty(tmp_path: Path, picture: Draw) -> None:
    save(tmp_path / "b.png", picture())
    (tmp_path / "a.png").touch()
    with pytest.raises(InputError, match=r"a\.png is empty"):
        read(tmp_path)


@pytest.mark.parametrize("place", ["plain", "plain/x.png", "plain/deep/x.mp4"])
def test_a_file_is_no_folder_for_outputs(tmp_path: Path, place: str) -> None:
    (tmp_path / "plain").write_text("notes")
    with pytest.raises(StreamError, match="plain"):
        open_sink(str(tmp_path / place), 25)
    assert (tmp_path / "plain").read_text() == "notes"
    with pytest.raises(StreamError, match="plain: it is not a folder; name another place"):
        open_sink(str(tmp_path / "plain"), 25)


def test_folders_may_be_named_like_files(tmp_path: Path, picture: Draw) -> None:
    save(tmp_path / "movie.mp4" / "a.png", picture())
    (tmp_path / "movie.mp4" / "b.png").mkdir()
    assert [frame.name for frame in read(tmp_path / "movie.mp4")] == ["a"]


def test_a_video_with_the_name_of_an_image_is_a_video(tmp_path: Path, ffmpeg: Ffmpeg) -> None:
    ffmpeg(*CLIP, tmp_path / "x.mp4")
    shutil.copy(tmp_path / "x.mp4", tmp_path / "x.jpg")
    assert len(read(tmp_path / "x.jpg")) == 5
    (tmp_path / "y.jpg").write_text("hello")
    with pytest.raises(InputError, match=r"cannot decode the image .*y\.jpg"):
        read(tmp_path / "y.jpg")


def test_an_image_that_is_too_small_is_named_by_its_path(
    tmp_path: Path, picture: Draw, spikerain: Run
) -> None:
    save(tmp_path / "in" / "tiny.png", picture(0, 1, 1))
    ended = spikerain("--camera", "in/tiny.png", "--output", "x.png")
    assert ended.returncode == 2
    assert "in/tiny.png: the image is 1x1, but the smallest valid size is 16x16" in ended.stderr


@pytest.mark.parametrize("suffix", [".m4a", ".mp3"])
def test_the_cover_of_an_album_is_no_video(tmp_path: Path, ffmpeg: Ffmpeg, suffix: str) -> None:
    ffmpeg(*CLIP, "-frames:v", "1", tmp_path / "cover.png")
    cover = ("-map", "0", "-map", "1", "-c:v", "copy", "-disposition:v", "attached_pic")
    ffmpeg(*SOUND, "-i", tmp_path / "cover.png", *cover, tmp_path / f"song{suffix}")
    with pytest.raises(InputError, match="holds no video but a cover picture"):
        open_source(str(tmp_path / f"song{suffix}"))


def test_a_video_with_a_cover_is_read(
    tmp_path: Path, ffmpeg: Ffmpeg, caplog: pytest.LogCaptureFixture
) -> None:
    ffmpeg(*CLIP, "-frames:v", "1", tmp_path / "cover.png")
    both = ("-map", "0", "-map", "1", "-c:v:1", "copy", "-disposition:v:1", "attached_pic")
    ffmpeg(*CLIP, "-i", tmp_path / "cover.png", *both, tmp_path / "x.mp4")
    with caplog.at_level(logging.WARNING, "spikerain_edge"):
        assert len(read(tmp_path / "x.mp4")) == 5
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("two.mp4", ("-i", "{x}", "-map", "0", "-map", "1"), "holds 2 videos; number 1 is read"),
        ("deep.mkv", ("-c:v", "ffv1", "-pix_fmt", "yuv420p10le"), "more than 8 bits per channel"),
        ("clear.mov", ("-c:v", "qtrle", "-pix_fmt", "argb"), "its opacity is not kept"),
        (
            "clear.webm",
            ("-c:v", "libvpx", "-auto-alt-ref", "0", "-pix_fmt", "yuva420p"),
            "its opacity is not kept",
        ),
        ("hdr.mp4", ("-c:v", "libx264", "-color_trc", "smpte2084"), "is HDR (PQ)"),
    ],
)
def test_what_a_video_loses_is_said(
    tmp_path: Path,
    ffmpeg: Ffmpeg,
    caplog: pytest.LogCaptureFixture,
    name: str,
    options: tuple[str, ...],
    said: str,
) -> None:
    other = tmp_path / "other.mkv"
    ffmpeg(*CLIP, "-vf", "scale=32:32", other)
    ffmpeg(*CLIP, *(option.replace("{x}", str(other)) for option in options), tmp_path / name)
    with caplog.at_level(logging.WARNING, "spikerain_edge"):
        assert len(read(tmp_path / name)) == 5
    (message,) = caplog.messages
    assert message.startswith(str(tmp_path / name))
    assert said in message


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_transparent_colour_of_a_png_is_kept(tmp_path: Path, picture: Draw, mode: str) -> None:
    image = Pillow.fromarray(picture()).convert(mode)
    colour = image.getpixel((5, 7))
    image.save(tmp_path / "x.png", transparency=colour)
    expected = np.asarray(Pillow.open(tmp_path / "x.png").convert("RGBA"))[..., 3]
    (page,) = read_pages(tmp_path / "x.png")
    assert expected[7, 5] == 0
    assert page.alpha is not None
    np.testing.assert_array_equal(page.alpha, expected)


@pytest.mark.parametrize("form", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_images_are_turned_as_they_say(tmp_path: Path, picture: Draw, form: str, turn: int) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = turn
    quality = {"quality": 95} if form in {"jpg", "webp"} else {}
    Pillow.fromarray(picture()[..., ::-1]).save(tmp_path / f"x.{form}", exif=exif, **quality)
    flat = picture()
    upright = {
        1: flat,
        2: flat[:, ::-1],
        3: flat[::-1, ::-1],
        4: flat[::-1],
        5: flat.transpose(1, 0, 2),
        6: np.rot90(flat, -1),
        7: flat[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(flat),
    }[turn]
    (page,) = read_pages(tmp_path / f"x.{form}")
    assert page.image.shape == upright.shape
    assert np.abs(page.image.astype(int) - upright).mean() < 12


def test_brackets_of_a_folder_stand_for_themselves(tmp_path: Path, picture: Draw) -> None:
    save(tmp_path / "a[1]" / "x.png", picture())
    save(tmp_path / "a1" / "y.png", picture())
    for pattern in ("a[1]/*.png", "a[1]/[x].png", "*/x.png"):
        assert [frame.name for frame in read(tmp_path / pattern)] == ["x"]


def test_the_longest_name_has_room_for_the_number_of_a_page(tmp_path: Path, picture: Draw) -> None:
    frames = [Pillow.fromarray(picture(seed)) for seed in range(2)]
    path = tmp_path / f"{'x' * 251}.tif"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    sink = open_sink(f"{tmp_path}/out/", 25, 2)
    for frame in read(path):
        sink.write(frame, frame.image)
    sink.close()
    assert len(list((tmp_path / "out").iterdir())) == 2


@pytest.mark.parametrize("name", ["x.ts", "x.m2ts"])
def test_a_transport_stream_that_ends_within_a_packet_is_cut_off(
    tmp_path: Path, ffmpeg: Ffmpeg, name: str
) -> None:
    ffmpeg(*CLIP, tmp_path / name)
    assert len(read(tmp_path / name)) == 5
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) - 100])
    with pytest.raises(InputError, match=name):
        read(tmp_path / name)
