"""A camera that goes and comes back, over HTTP."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from cameras import Web, free_port, jpeg

from spikerain_edge.errors import InputError, StreamError
from spikerain_edge.stream.capture_options import CaptureOptions
from spikerain_edge.stream.frame import Arrivals
from spikerain_edge.stream.live import LiveSource
from spikerain_edge.stream.retries import RefusedError, Retries
from spikerain_edge.stream.sources import open_source

QUICK = CaptureOptions(stall_timeout=1.0)
WAITING = CaptureOptions(stall_timeout=1.0, wait_for_camera=True)


def picture(level: int, size: tuple[int, int] = (96, 128)) -> bytes:
    return jpeg(np.full((*size, 3), level, np.uint8))


@pytest.fixture
def web() -> Iterator[Web]:
    served = Web()
    served.parts = [picture(level) for level in (40, 80, 120)]
    yield served
    served.close()


def opened(url: str, options: CaptureOptions = QUICK) -> LiveSource:
    source = open_source(url, options)
    assert isinstance(source, LiveSource)
    return source


@pytest.mark.slow
def test_a_camera_that_closes_the_connection_is_connected_to_again(
    web: Web, caplog: pytest.LogCaptureFixture
) -> None:
    source = opened(f"{web.base}/live")
    frames = list(islice(source, 9))
    source.close()

    assert [frame.sequence for frame in frames] == list(range(9))
    assert web.clients == 3
    lengths = [outage.seconds for outage in source.outages]
    assert len(lengths) == 2
    # A hole in time stays one.
    times = [frame.time for frame in frames if frame.time is not None]
    assert times == sorted(times)
    for number, seconds in enumerate(lengths):
        hole = times[3 * number + 3] - times[3 * number + 2]
        assert hole == pytest.approx(seconds, abs=0.5)
    assert "has closed the connection; trying again" in caplog.text
    assert "is back after" in caplog.text


@pytest.mark.slow
def test_a_silent_camera_is_connected_to_again(web: Web) -> None:
    web.after = "hang"
    source = opened(f"{web.base}/live")
    begun = time.perf_counter()
    frames = list(islice(source, 5))
    source.close()

    assert len(frames) == 5
    assert web.clients >= 2
    (outage,) = source.outages
    assert 1 <= outage.seconds < time.perf_counter() - begun


@pytest.mark.slow
def test_a_camera_that_sends_only_damage_is_connected_to_again(web: Web) -> None:
    web.parts, web.pause = [*[picture(40)] * 4, *[b"damage"] * 60], 0.05
    source = opened(f"{web.base}/live")
    assert len(list(islice(source, 6))) == 6
    source.close()
    assert web.clients >= 2
    assert source.corrupt >= 10


@pytest.mark.slow
def test_a_camera_of_which_only_the_sound_goes_on_is_connected_to_again(
    tmp_path: Path, ffmpeg: Callable[..., None]
) -> None:
    video = ("-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=1")
    sound = ("-f", "lavfi", "-i", "sine=d=60")
    ffmpeg(*video, *sound, "-c:v", "mpeg2video", "-c:a", "mp2", tmp_path / "film.ts")
    content = (tmp_path / "film.ts").read_bytes()
    ended = threading.Event()

    def serve(listening: socket.socket) -> None:
        while not ended.is_set():
            client, _ = listening.accept()
            with client, suppress(OSError):
                for begin in range(0, len(content), 1880):
                    client.sendall(content[begin : begin + 1880])
                    if begin >= len(content) // 4 and ended.wait(0.1):
                        break

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, args=(listening,), daemon=True).start()
        source = opened(f"tcp://127.0.0.1:{listening.getsockname()[1]}")
        frames = len(list(islice(source, 40)))
        source.close()
        ended.set()

    assert frames == 40
    # The sound would go on for two minutes.
    (outage,) = source.outages
    assert outage.seconds < 60


def test_the_first_frame_after_an_outage_does_not_last_as_long_as_it() -> None:
    arrivals = Arrivals(25)
    durations = [arrivals.add(seconds)[1] for seconds in (10.0, 10.04, 610.0, 610.2, 610.4)]
    assert durations == pytest.approx([0.04, 0.04, 0.08, 0.2, 0.2])


def test_another_size_is_followed_and_said(web: Web, caplog: pytest.LogCaptureFixture) -> None:
    web.parts = [picture(40), picture(80), picture(120, (64, 80))]
    source = opened(f"{web.base}/live")
    shapes = [frame.image.shape for frame in islice(source, 3)]
    source.close()
    assert shapes == [(96, 128, 3), (96, 128, 3), (64, 80, 3)]
    assert "sends 80x64 from frame 2 on" in caplog.text


@pytest.mark.slow
def test_a_camera_that_is_absent_at_the_start_may_be_waited_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    port = free_port()
    with pytest.raises(StreamError, match="connection refused"):
        open_source(f"http://127.0.0.1:{port}/live", QUICK)

    served: list[Web] = []

    def switch_on() -> None:
        web = Web(port)
        web.parts = [picture(40)] * 3
        served.append(web)

    timer = threading.Timer(0.5, switch_on)
    timer.start()
    source = opened(f"http://127.0.0.1:{port}/live", WAITING)
    (frame,) = islice(source, 1)
    source.close()
    timer.join()
    served[0].close()

    assert frame.image.shape == (96, 128, 3)
    assert len(source.outages) == 1
    assert "connection refused; trying again" in caplog.text


def test_a_file_may_be_waited_for_too(web: Web) -> None:
    web.files["/one.jpg"] = picture(40)
    source = open_source(f"{web.base}/one.jpg", WAITING)
    assert not source.live
    assert len(list(source)) == 1
    source.close()


@pytest.mark.slow
def test_a_reason_is_told_once(web: Web, caplog: pytest.LogCaptureFixture) -> None:
    source = opened(f"{web.base}/live")
    frames = iter(source)
    list(islice(frames, 3))
    web.status = 404
    waiting = threading.Thread(target=lambda: next(frames, None), daemon=True)
    with caplog.at_level(logging.WARNING):
        waiting.start()
        while web.clients < 3:
            time.sleep(0.05)
        source.close()
        waiting.join(timeout=10)
    assert not waiting.is_alive()
    assert caplog.text.count("404 Not Found") == 1


@pytest.mark.slow
def test_a_source_that_waits_for_its_camera_ends_at_once(web: Web) -> None:
    source = opened(f"{web.base}/live")
    frames = iter(source)
    list(islice(frames, 3))
    web.close()
    waiting = threading.Thread(target=lambda: next(frames, None), daemon=True)
    waiting.start()
    time.sleep(0.5)
    source.close()
    waiting.join(timeout=2)
    assert not waiting.is_alive()
    assert source.outages[-1].seconds >= 0.4


class Waits(threading.Event):
    """Notes how long is waited, and does not wait."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.seconds.append(timeout)
        return False


@pytest.mark.parametrize(
    ("loss", "longest"),
    [
        (StreamError("refused", ""), [1, 2, 4, 4, 4, 4, 4]),
        (RefusedError("401", ""), [1, 2, 4, 8, 16, 30, 30]),
        (InputError("no video", ""), [1, 2, 4, 8, 16, 30, 30]),
    ],
)
def test_waits_grow_and_are_drawn_by_lot(
    loss: StreamError | InputError, longest: list[float]
) -> None:
    waits = Waits()
    retries = Retries(waits)
    for _ in range(50):
        retries.reset()
        assert all(retries.wait(loss) for _ in longest)
    for number, most in enumerate(longest):
        drawn = waits.seconds[number :: len(longest)]
        assert 0.75 * most <= min(drawn) < max(drawn) <= most
