"""Streams over a network, from a server of this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from cameras import Web, jpeg

from spikerain_edge.errors import StreamError
from spikerain_edge.images import Image
from spikerain_edge.stream.capture_options import CaptureOptions
from spikerain_edge.stream.frame import Frame
from spikerain_edge.stream.live import LiveSource
from spikerain_edge.stream.sources import open_source

Draw = Callable[..., Image]
ReadVideo = Callable[[Path], list[Image]]


@pytest.fixture
def web() -> Iterator[Web]:
    served = Web()
    yield served
    served.close()


def take(url: str, number: int, options: CaptureOptions) -> tuple[list[Frame], LiveSource]:
    """The first frames of a live stream."""
    source = open_source(url, options)
    assert isinstance(source, LiveSource)
    frames = list(islice(source, number))
    source.close()
    return frames, source


def noise(seed: int) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (96, 128, 3), np.uint8)


def test_a_live_stream_takes_its_own_time(web: Web) -> None:
    web.parts, web.pause = [jpeg(noise(seed)) for seed in range(8)], 0.1
    shown, source = take(f"{web.base}/live", 8, CaptureOptions())

    assert source.live
    assert source.length is None
    assert source.outages == []
    # At the nominal rate of 25 it would last 0.28 seconds.
    assert shown[-1].time is not None
    assert shown[-1].time > 0.5
    assert all(frame.time == frame.captured - shown[0].captured for frame in shown)


def test_damaged_frames_of_a_live_stream_are_passed_over(web: Web, picture: Draw) -> None:
    good = [jpeg(picture(seed, 96, 128)) for seed in range(4)]
    web.parts = [*good[:2], b"not a picture", bytes(500), *good[2:]]
    shown, source = take(f"{web.base}/live", 4, CaptureOptions())

    assert source.corrupt == 2
    assert source.missing == 0
    for frame, sent in zip(shown, good, strict=True):
        decoded = cv2.imdecode(np.frombuffer(sent, np.uint8), cv2.IMREAD_COLOR)
        assert decoded is not None
        assert np.abs(frame.image.astype(int) - decoded).mean() < 3


def test_a_server_that_does_not_answer_is_given_up(web: Web) -> None:
    web.after = "hang"
    with pytest.raises(StreamError, match=r"live cannot be opened: no answer within 0\.5 seconds"):
        open_source(f"{web.base}/live", CaptureOptions(stall_timeout=0.5))


def test_a_video_over_http_is_a_file(
    web: Web,
    make_video: Callable[..., Path],
    tmp_path: Path,
    read_video: Callable[..., list[Image]],
) -> None:
    path = make_video(tmp_path / "x.mp4", 9, 12.5)
    web.files["/x.mp4"] = path.read_bytes()
    source = open_source(f"{web.base}/x.mp4")
    shown = list(source)
    source.close()

    assert not source.live
    assert source.rate == 12.5
    for frame, expected in zip(shown, read_video(path), strict=True):
        np.testing.assert_array_equal(frame.image, expected)


def test_a_snapshot_is_one_picture(web: Web) -> None:
    web.files["/snapshot"] = jpeg(noise(0))
    source = open_source(f"{web.base}/snapshot")
    (frame,) = source
    source.close()
    assert not source.live
    assert frame.image.shape == (96, 128, 3)


@pytest.mark.parametrize(
    ("path", "reason"), [("/nowhere", "404 Not Found"), ("/secret", "401 Unauthorized")]
)
def test_the_reason_of_a_server_is_said(web: Web, path: str, reason: str) -> None:
    url = web.base.replace("http://", "http://me:pa55@")
    with pytest.raises(StreamError, match=reason) as raised:
        open_source(f"{url}{path}")
    assert "pa55" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_an_unknown_host_is_said() -> None:
    with pytest.raises(StreamError, match=r"unknown host nowhere\.invalid"):
        open_source("http://me:pa55@nowhere.invalid:80/live")


def test_a_url_may_hold_any_byte() -> None:
    with pytest.raises(StreamError, match="refused"):
        open_source("http://127.0.0.1:9/vid\udce9.mp4")
