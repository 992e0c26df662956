from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from spikerain_edge.errors import StreamError
from spikerain_edge.images import Image
from spikerain_edge.stream.frame import Frame
from spikerain_edge.stream.image_sinks import write_image
from spikerain_edge.stream.sinks import Sink, open_sink

Draw = Callable[..., Image]
ReadVideo = Callable[[Path], list[Image]]
Files = Callable[[Path], list[str]]
VIDEOS = ["out.mp4", "out.m4v", "out.mov", "out.mkv", "out.avi"]


def fill_the_disk(sink: Sink, limit: int = 20_000) -> str:
    """What a video says when not all of its twenty frames fit."""
    noise = np.random.default_rng(0).integers(0, 256, (20, 48, 64, 3), np.uint8)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        for number, image in enumerate(noise):
            sink.write(Frame(image, number, 0.0, f"shot {number}"), image)
        with pytest.raises(StreamError, match=r"could not be completed.*disk is full") as raised:
            sink.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    return str(raised.value)


def test_a_video_of_which_nothing_plays_is_taken_back(tmp_path: Path, files: Files) -> None:
    said = fill_the_disk(open_sink(str(tmp_path / "new" / "out.mp4"), 25), limit=100)
    assert "out.mp4 could not be completed, nothing of it plays" in said
    assert files(tmp_path) == []


@pytest.mark.parametrize("name", ["out.avi", "out.mkv", "out.mp4"])
def test_what_plays_of_a_video_is_kept_under_another_name(
    tmp_path: Path, read_video: ReadVideo, files: Files, name: str
) -> None:
    said = fill_the_disk(open_sink(str(tmp_path / name), 25))
    (kept,) = files(tmp_path)
    assert kept.startswith(".out.")
    assert kept.endswith(f".partial{Path(name).suffix}")
    held = len(read_video(tmp_path / kept))
    assert 0 < held < 20
    # The last of those that are there may be a part of one, which does not play.
    assert any(f"{kept} holds {count} of 20 frames" in said for count in (held, held + 1))


@pytest.mark.parametrize(
    ("name", "lacking"),
    [("out.avi", 1), ("out.avi", 1000), ("out.avi", 2000), ("out.mkv", 1000), ("out.mkv", 2000)],
)
def test_a_video_that_lacks_no_more_than_its_end_is_not_complete(
    tmp_path: Path, name: str, lacking: int
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (20, 48, 64, 3), np.uint8)
    sink = open_sink(str(tmp_path / name), 25)
    for number, image in enumerate(noise):
        sink.write(Frame(image, number, 0.0, f"shot {number}"), image)
    sink.close()
    whole = (tmp_path / name).stat().st_size
    fill_the_disk(open_sink(str(tmp_path / f"short_{name}"), 25), whole - lacking)
    assert not (tmp_path / f"short_{name}").exists()


@pytest.mark.parametrize("name", VIDEOS)
@pytest.mark.parametrize("rate", [1 / 3600, 1.0, 30000 / 1001, 66.667, 240.0])
def test_a_video_of_one_frame_is_complete(
    tmp_path: Path, picture: Draw, read_video: ReadVideo, name: str, rate: float
) -> None:
    sink = open_sink(str(tmp_path / name), rate)
    sink.write(Frame(picture(), 0, 0.0, "shot"), picture())
    sink.close()
    assert len(read_video(tmp_path / name)) == 1


def test_an_image_that_does_not_fit_leaves_nothing(tmp_path: Path, files: Files) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (99, 99, 3), np.uint8)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(StreamError, match=r"cannot write .*out\.png"):
            write_image(tmp_path / "out.png", noise)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert files(tmp_path) == []


def test_a_device_may_stand_for_an_image(tmp_path: Path, picture: Draw) -> None:
    (tmp_path / "nowhere.png").symlink_to("/dev/null")
    write_image(tmp_path / "nowhere.png", picture())
    assert (tmp_path / "nowhere.png").is_symlink()
