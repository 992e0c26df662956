"""How old frames are when they are written."""

from __future__ import annotations

import time
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from cameras import RtspCamera, Web
from stream_parts import Camera, Recorder, shade

from spikerain_edge.images import Image
from spikerain_edge.stream.capture_options import CaptureOptions
from spikerain_edge.stream.frame import Frame
from spikerain_edge.stream.handover import Drop
from spikerain_edge.stream.pipeline import Pipeline
from spikerain_edge.stream.sources import open_source

# A second is asked for; a busy machine gets more.
LIMIT = 3.0
SLOW = 0.3


@pytest.fixture
def web() -> Iterator[Web]:
    served = Web()
    yield served
    served.close()


def clock_picture() -> bytes:
    """A picture of the time: milliseconds in black and white squares."""
    now = int(time.perf_counter() * 1000) % 2**24
    bits = np.array([255 * (now >> bit & 1) for bit in range(24)], np.uint8).reshape(4, 6)
    picture = np.kron(bits, np.ones((16, 16), np.uint8))
    return cv2.imencode(".jpg", np.dstack([picture] * 3))[1].tobytes()


def seconds_since(image: Image) -> float:
    bits = image[8::16, 8::16, 0] > 127
    shown = sum(1 << number for number, bit in enumerate(bits.ravel()) if bit)
    return ((int(time.perf_counter() * 1000) - shown) % 2**24) / 1000


class Reader(Recorder):
    """Reads the clock in the pictures that it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.ages: list[float] = []

    def write(self, frame: Frame, image: Image) -> None:
        self.ages.append(seconds_since(image))


def slow(image: Image) -> Image:
    time.sleep(SLOW)
    return image


@pytest.mark.slow
def test_frames_stay_young_however_slow_the_network_is(web: Web) -> None:
    web.draw, web.pause, web.after = clock_picture, 0.04, "repeat"
    sink = Reader()
    source = open_source(f"{web.base}/live", CaptureOptions())
    traffic = Pipeline(source, slow, [sink], max_frames=20).run()

    assert traffic.dropped > 40
    assert max(sink.ages[3:]) < LIMIT
    # What the summary says is what the pictures show.
    measured = np.median(traffic.whole_way)
    assert measured == pytest.approx(np.median(sink.ages), abs=0.3)


@pytest.mark.slow
def test_an_rtsp_camera_is_kept_up_with() -> None:
    camera = RtspCamera()
    camera.start()
    source = open_source(camera.url, CaptureOptions())
    traffic = Pipeline(source, slow, [Recorder()], max_frames=20).run()
    camera.kill()
    assert traffic.dropped > 40
    assert max(list(traffic.whole_way)[3:]) < LIMIT


class Late(Camera):
    """A camera whose frames have waited on their way for an hour."""

    def __iter__(self) -> Iterator[Frame]:
        for number in range(4):
            yield Frame(shade(number), number, time.perf_counter() - 3600, f"late {number}")
        self.ended.set()


@pytest.mark.parametrize(
    ("drop", "numbers"),
    [(Drop.OLDEST, [3]), (Drop.LATEST, [0, 1, 2, 3]), (Drop.WAIT, [0, 1, 2, 3])],
)
def test_what_is_too_old_is_derained_only_if_asked(drop: Drop, numbers: list[int]) -> None:
    camera = Late(4)
    taken: list[int] = []

    def take(image: Image) -> Image:
        assert camera.ended.wait(60)
        taken.append(int(image[0, 0, 0]))
        return image

    traffic = Pipeline(camera, take, [], drop=drop).run()
    assert taken[-len(numbers) :] == numbers
    assert traffic.dropped == 4 - len(taken)


def test_a_slow_function_may_hold_up_a_camera() -> None:
    camera = Camera(20)
    traffic = Pipeline(camera, lambda image: image, [], drop=Drop.WAIT).run()
    assert (traffic.frames, traffic.dropped) == (20, 0)
