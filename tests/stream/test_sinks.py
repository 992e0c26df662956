from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from spikerain_edge.errors import InputError, StreamError
from spikerain_edge.images import Image
from spikerain_edge.images.reading import read_image
from spikerain_edge.stream.frame import Frame
from spikerain_edge.stream.image_sinks import write_image
from spikerain_edge.stream.sinks import Sink, may_replace, open_sink

Draw = Callable[..., Image]
ReadVideo = Callable[[Path], list[Image]]
Files = Callable[[Path], list[str]]
FrameTimes = Callable[[Path], list[float]]
VIDEOS = ["out.mp4", "out.m4v", "out.mov", "out.mkv", "out.avi", "OUT.MP4"]


def send(sink: Sink, *images: Image, first: int = 0) -> None:
    for number, image in enumerate(images, first):
        sink.write(Frame(image, number, 0.0, f"shot {number}"), image)


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


@pytest.mark.parametrize("name", VIDEOS)
def test_a_video_holds_every_frame_at_its_rate(
    tmp_path: Path,
    picture: Draw,
    ffprobe: Callable[[Path], dict[str, str]],
    files: Files,
    name: str,
) -> None:
    sink = open_sink(str(tmp_path / name), 30000 / 1001)
    send(sink, *(picture(seed) for seed in range(7)))
    sink.close()

    assert files(tmp_path) == [name]
    found = ffprobe(tmp_path / name)
    numerator, denominator = found["r_frame_rate"].split("/")
    assert int(found["nb_read_frames"]) == 7
    assert int(numerator) / int(denominator) == pytest.approx(29.97, abs=0.01)


def test_a_video_looks_as_what_was_sent(
    tmp_path: Path, picture: Draw, read_video: ReadVideo
) -> None:
    images = [picture(seed) for seed in range(4)]
    sink = open_sink(str(tmp_path / "out.mp4"), 25)
    send(sink, *images)
    sink.close()
    for shown, image in zip(read_video(tmp_path / "out.mp4"), images, strict=True):
        assert np.abs(shown.astype(int) - image).mean() < 12


@pytest.mark.parametrize("name", VIDEOS)
def test_a_picture_stays_where_frames_after_it_were_dropped(
    tmp_path: Path, read_video: ReadVideo, frame_times: FrameTimes, name: str
) -> None:
    sink = open_sink(str(tmp_path / name), 25)
    for number, level in ((2, 40), (5, 120), (6, 200)):
        send(sink, np.full((48, 64, 3), level, np.uint8), first=number)
    sink.close()

    levels = [shown.mean() for shown in read_video(tmp_path / name)]
    assert levels == pytest.approx([40, 120, 200], abs=3)
    assert frame_times(tmp_path / name) == pytest.approx([0, 0.12, 0.16], abs=1e-3)


@pytest.mark.parametrize("name", ["out.mp4", "out.mov", "out.mkv"])
def test_frames_are_shown_at_their_own_times(
    tmp_path: Path, picture: Draw, frame_times: FrameTimes, name: str
) -> None:
    times = [3.0, 3.0, 3.015, 3.5, 12.7, 4000.123]
    sink = open_sink(str(tmp_path / name), 25)
    for number, moment in enumerate(times):
        sink.write(Frame(picture(), number, 0.0, "shot", moment, 0.1), picture())
    sink.close()
    # Two frames cannot be shown at once: the second comes a tick later.
    shown = [0, 0, 0.015, 0.5, 9.7, 3997.123]
    assert frame_times(tmp_path / name) == pytest.approx(shown, abs=1.1e-3)


def test_a_long_stall_does_not_fill_the_disk(
    tmp_path: Path, picture: Draw, frame_times: FrameTimes
) -> None:
    for name in ("out.mp4", "out.avi"):
        sink = open_sink(str(tmp_path / name), 5)
        for number in (0, 1_000_000, 1_000_001):
            send(sink, picture(), first=number)
        sink.close()
        assert (tmp_path / name).stat().st_size < 50_000
    assert frame_times(tmp_path / "out.mp4") == pytest.approx([0, 21_600, 21_600.2])
    assert frame_times(tmp_path / "out.avi") == pytest.approx([0, 10, 10.2])


@pytest.mark.parametrize("name", VIDEOS)
def test_a_frame_that_lasts_for_weeks_is_shown_as_long_as_the_format_can(
    tmp_path: Path, picture: Draw, read_video: Callable[[Path], list[Image]], name: str
) -> None:
    weeks = 1.6e6
    sink = open_sink(str(tmp_path / name), 25)
    for number in range(3):
        sink.write(Frame(picture(), number, 0.0, "shot", number * weeks, weeks), picture())
    sink.close()
    assert len(read_video(tmp_path / name)) == 3


@pytest.mark.parametrize("name", VIDEOS)
def test_a_video_keeps_colours_and_detail(
    tmp_path: Path, picture: Draw, read_video: ReadVideo, name: str
) -> None:
    sink = open_sink(str(tmp_path / name), 25)
    send(sink, *(picture(seed, 96, 128) for seed in range(3)))
    sink.close()
    for seed, shown in enumerate(read_video(tmp_path / name)):
        image = picture(seed, 96, 128)
        assert shown.mean(axis=(0, 1)) == pytest.approx(image.mean(axis=(0, 1)), abs=2)
        assert cv2.PSNR(shown, image) > 34


def test_a_video_plays_in_a_browser(
    tmp_path: Path, picture: Draw, stream_entry: Callable[[Path, str], str]
) -> None:
    sink = open_sink(str(tmp_path / "out.mp4"), 25)
    send(sink, picture())
    sink.close()
    assert stream_entry(tmp_path / "out.mp4", "codec_name") == "h264"
    assert stream_entry(tmp_path / "out.mp4", "pix_fmt") == "yuv420p"


@pytest.mark.parametrize("name", ["out.mp4", "out.mov", "out.mkv"])
def test_a_video_keeps_the_shape_of_its_pixels(
    tmp_path: Path, picture: Draw, stream_entry: Callable[[Path, str], str], name: str
) -> None:
    sink = open_sink(str(tmp_path / name), 25)
    sink.write(Frame(picture(), 0, 0.0, "shot", pixel_shape=Fraction(16, 11)), picture())
    sink.close()
    assert stream_entry(tmp_path / name, "sample_aspect_ratio") == "16:11"


def test_a_video_that_its_format_cannot_hold_is_said(tmp_path: Path, files: Files) -> None:
    sink = open_sink(str(tmp_path / "wide.mp4"), 25)
    with pytest.raises(StreamError, match=r"wide\.mp4 cannot hold 20000x16 .*--imgsz"):
        send(sink, np.zeros((16, 20000, 3), np.uint8))
    sink.close()
    assert files(tmp_path) == []


def test_two_recordings_of_one_name_do_not_disturb_each_other(
    tmp_path: Path, picture: Draw, read_video: ReadVideo, files: Files
) -> None:
    first, second = (open_sink(str(tmp_path / "out.mp4"), 25) for _ in range(2))
    for sink, count in ((first, 3), (second, 5)):
        send(sink, *(picture(seed) for seed in range(count)))
    first.close()
    assert len(read_video(tmp_path / "out.mp4")) == 3
    second.close()
    assert files(tmp_path) == ["out.mp4"]
    assert len(read_video(tmp_path / "out.mp4")) == 5


@pytest.mark.parametrize("suffix", [".mp4", ".png"])
def test_a_name_may_be_as_long_as_the_file_system_allows(
    tmp_path: Path, picture: Draw, files: Files, suffix: str
) -> None:
    name = "x" * (255 - len(suffix)) + suffix
    sink = open_sink(str(tmp_path / name), 25)
    send(sink, picture())
    sink.close()
    assert files(tmp_path) == [name]


@pytest.mark.parametrize("name", ["out.mp4", "out.avi"])
def test_odd_sides_of_a_video_lose_their_last_pixel(
    tmp_path: Path, picture: Draw, read_video: ReadVideo, name: str
) -> None:
    sink = open_sink(str(tmp_path / name), 25)
    send(sink, *(picture(seed, 49, 65) for seed in range(3)))
    sink.close()
    assert [frame.shape for frame in read_video(tmp_path / name)] == [(48, 64, 3)] * 3


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


def test_a_video_appears_when_it_is_complete(
    tmp_path: Path, picture: Draw, read_video: ReadVideo, files: Files
) -> None:
    (tmp_path / "out.mp4").write_text("an earlier recording")
    sink = open_sink(str(tmp_path / "out.mp4"), 25)
    send(sink, *(picture(seed) for seed in range(5)))
    assert (tmp_path / "out.mp4").read_text() == "an earlier recording"

    sink.close()
    sink.close()

    assert files(tmp_path) == ["out.mp4"]
    assert len(read_video(tmp_path / "out.mp4")) == 5


@pytest.mark.parametrize("destination", ["out.mp4", "new/out.avi", "new/", "new/%d.png", "x.png"])
def test_nothing_is_left_of_nothing(tmp_path: Path, files: Files, destination: str) -> None:
    open_sink(f"{tmp_path}/{destination}", 25).close()
    assert files(tmp_path) == []


def test_a_folder_that_was_there_stays(tmp_path: Path, files: Files) -> None:
    (tmp_path / "old").mkdir()
    open_sink(f"{tmp_path}/old/new/", 25).close()
    assert files(tmp_path) == ["old"]


def test_a_video_refuses_a_frame_of_another_size(
    tmp_path: Path, picture: Draw, read_video: ReadVideo, files: Files
) -> None:
    sink = open_sink(str(tmp_path / "out.mp4"), 25)
    send(sink, picture(0), picture(1))
    with pytest.raises(InputError, match=r"shot 2 is 48x64, the video is 64x48; .*--imgsz"):
        send(sink, picture(2, 64, 48), first=2)
    sink.close()

    assert files(tmp_path) == ["out.mp4"]
    assert len(read_video(tmp_path / "out.mp4")) == 2


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
