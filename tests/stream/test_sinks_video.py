"""Videos show the frames that were sent, at their times and in their colours."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from stream_parts import send

from spikerain_edge.errors import InputError, StreamError
from spikerain_edge.images import Image
from spikerain_edge.stream.frame import Frame
from spikerain_edge.stream.sinks import open_sink

Draw = Callable[..., Image]
ReadVideo = Callable[[Path], list[Image]]
Files = Callable[[Path], list[str]]
FrameTimes = Callable[[Path], list[float]]
VIDEOS = ["out.mp4", "out.m4v", "out.mov", "out.mkv", "out.avi", "OUT.MP4"]


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


@pytest.mark.parametrize("name", ["out.mp4", "out.avi"])
def test_odd_sides_of_a_video_lose_their_last_pixel(
    tmp_path: Path, picture: Draw, read_video: ReadVideo, name: str
) -> None:
    sink = open_sink(str(tmp_path / name), 25)
    send(sink, *(picture(seed, 49, 65) for seed in range(3)))
    sink.close()
    assert [frame.shape for frame in read_video(tmp_path / name)] == [(48, 64, 3)] * 3


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
