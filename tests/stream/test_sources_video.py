from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from spikerain_edge.images import Image
from spikerain_edge.stream.capture import open_camera
from spikerain_edge.stream.capture_options import CaptureOptions
from spikerain_edge.stream.frame import Frame
from spikerain_edge.stream.sources import Source, open_source
from spikerain_edge.stream.stills import ImageSource

Draw = Callable[..., Image]
Ffmpeg = Callable[..., None]


def frames_of(source: Source) -> list[Frame]:
    try:
        return list(source)
    finally:
        source.close()


@pytest.mark.parametrize(("name", "rate"), [("a.mp4", 29.97), ("b.avi", 12.5), ("c.mkv", 60.0)])
def test_every_frame_of_a_video_comes_at_its_rate(
    tmp_path: Path, make_video: Callable[..., Path], name: str, rate: float, picture: Draw
) -> None:
    source = open_source(str(make_video(tmp_path / name, 9, rate)))
    shown = frames_of(source)

    assert not source.live
    assert source.rate == pytest.approx(rate, rel=1e-3)
    assert source.length == len(shown) == 9
    assert [frame.sequence for frame in shown] == list(range(9))
    assert len({frame.name for frame in shown}) == 9
    for index, frame in enumerate(shown):
        assert np.abs(frame.image.astype(int) - picture(index)).mean() < 12


def test_a_video_as_ffmpeg_makes_them_loses_no_frame(
    tmp_path: Path, ffmpeg: Ffmpeg, ffprobe: Callable[[Path], dict[str, str]]
) -> None:
    path = tmp_path / "recorded at 12:30.mkv"
    ffmpeg("-f", "lavfi", "-i", "testsrc=size=66x50:rate=30000/1001:duration=1.3", path)

    source = open_source(str(path))
    shown = frames_of(source)

    assert len(shown) == int(ffprobe(path)["nb_read_frames"])
    assert source.rate == pytest.approx(30000 / 1001, rel=1e-3)
    assert shown[0].image.shape == (50, 66, 3)


def test_a_colon_in_a_name_is_no_protocol(
    tmp_path: Path, make_video: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_video(tmp_path / "x.mp4", 2).rename(tmp_path / "12:30.mp4")
    monkeypatch.chdir(tmp_path)
    assert len(frames_of(open_source("12:30.mp4"))) == 2


def test_a_camera_that_ends_is_opened_again(
    tmp_path: Path, make_video: Callable[..., Path]
) -> None:
    path = make_video(tmp_path / "x.mp4", 3)
    source = open_camera(str(path), "the gate", CaptureOptions())
    assert source.length is None
    assert [frame.sequence for frame in islice(source, 5)] == [0, 1, 2, 3, 4]
    source.close()
    assert len(source.outages) == 1


def test_closing_twice_is_no_error(tmp_path: Path, make_video: Callable[..., Path]) -> None:
    for source in (open_source(str(make_video(tmp_path / "x.mp4", 1))), ImageSource([])):
        source.close()
        source.close()
