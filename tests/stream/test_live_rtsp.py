"""A real RTSP server that is killed, frozen, absent and guarded by a password."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from itertools import islice

import pytest
from cameras import RtspCamera

from spikerain_edge.errors import StreamError
from spikerain_edge.stream.capture_options import CaptureOptions, RtspTransport
from spikerain_edge.stream.frame import Frame
from spikerain_edge.stream.live import LiveSource
from spikerain_edge.stream.sources import open_source

pytestmark = pytest.mark.slow

# Seconds between the return of a server and the first frame: 5 are asked for, and a busy machine
# takes its time to start the server.
SOON = 15.0


@pytest.fixture
def camera() -> Iterator[RtspCamera]:
    served = RtspCamera()
    served.start()
    yield served
    served.kill()


def opened(url: str, options: CaptureOptions) -> LiveSource:
    source = open_source(url, options)
    assert isinstance(source, LiveSource)
    return source


def first_after(frames: Iterator[Frame], instant: float) -> Frame:
    """The first frame that was captured after an instant, what waited before it left out."""
    return next(frame for frame in frames if frame.captured > instant)


@pytest.mark.parametrize("transport", RtspTransport)
def test_a_server_that_is_killed_is_found_again(
    camera: RtspCamera, transport: RtspTransport
) -> None:
    source = opened(camera.url, CaptureOptions(3.0, rtsp_transport=transport))
    frames = iter(source)
    for _ in range(3):
        list(islice(frames, 10))
        camera.kill()
        time.sleep(1.0)
        camera.start()
        back = time.perf_counter()
        first_after(frames, back)
        assert time.perf_counter() - back < SOON
    source.close()

    assert len(source.outages) == 3
    assert all(0.5 < outage.seconds < SOON for outage in source.outages)


def test_a_frozen_server_is_noticed_and_found_again(camera: RtspCamera) -> None:
    source = opened(camera.url, CaptureOptions(stall_timeout=2.0))
    frames = iter(source)
    list(islice(frames, 10))
    camera.freeze()
    thawing = threading.Timer(6.0, camera.thaw)
    thawing.start()
    frozen = time.perf_counter()
    first_after(frames, frozen + 5)
    source.close()
    thawing.join()

    (outage,) = source.outages
    assert 5 < outage.seconds < 6 + SOON


def test_a_wrong_password_is_told_from_an_absent_camera() -> None:
    guarded = RtspCamera("--password", "geheim")
    guarded.start()
    url = guarded.url.replace("//", "//camera:falsch@")
    with pytest.raises(StreamError, match="401 Unauthorized") as raised:
        open_source(url)
    assert "falsch" not in str(raised.value)
    right = opened(url.replace("falsch", "geheim"), CaptureOptions())
    assert len(list(islice(right, 3))) == 3
    right.close()
    guarded.kill()
    with pytest.raises(StreamError, match="connection refused"):
        open_source(url)
