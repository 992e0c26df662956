"""A driver that does not return; a stand-in for OpenCV plays it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from spikerain_edge.errors import StreamError
from spikerain_edge.images import Image
from spikerain_edge.stream import attempts, connector
from spikerain_edge.stream.attempts import Attempts, HungError
from spikerain_edge.stream.capture import open_camera
from spikerain_edge.stream.capture_options import CaptureOptions
from spikerain_edge.stream.connector import Connector
from spikerain_edge.stream.watched import Watched

QUICK = CaptureOptions(stall_timeout=0.2, wait_for_camera=True)


class Driver:
    """Devices that hang where a test wants them to.

    Attributes:
        events: what has been done to each device in order.
    """

    def __init__(self) -> None:
        self.events: list[str] = []
        self.free = threading.Event()
        self.hang_open = 0
        self.hang_grab: int | None = None

    def open(self, target: int | str) -> Device:
        self.events.append("open")
        if self.hang_open:
            self.hang_open -= 1
            self.free.wait()
        return Device(self)


class Device:
    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.grabs = 0

    def isOpened(self) -> bool:  # noqa: N802 - the name that OpenCV gives it
        return True

    def get(self, what: int) -> float:
        return 0.0

    def grab(self) -> bool:
        self.grabs += 1
        if self.grabs == self.driver.hang_grab:
            self.driver.hang_grab = None
            self.driver.free.wait()
        return True

    def retrieve(self) -> tuple[bool, Image]:
        return True, np.zeros((16, 16, 3), np.uint8)

    def release(self) -> None:
        self.driver.events.append("release")


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Driver]:
    made = Driver()
    monkeypatch.setattr("cv2.VideoCapture", made.open)
    monkeypatch.setattr(attempts, "_SPARE", 0.0)
    monkeypatch.setattr(attempts, "_HOPELESS", 1.0)
    yield made
    made.free.set()


def test_a_camera_that_does_not_open_is_an_error_in_time(driver: Driver) -> None:
    driver.hang_open = 1
    with pytest.raises(StreamError, match=r"camera 0 cannot be opened: its driver .* not return"):
        open_camera(0, "camera 0", CaptureOptions(stall_timeout=0.2))


@pytest.mark.slow
def test_a_driver_that_hangs_is_not_called_again_and_ends_the_wait(driver: Driver) -> None:
    driver.hang_open = 9
    with pytest.raises(HungError, match="start the program again"):
        open_camera(0, "camera 0", QUICK)
    assert driver.events == ["open"]


@pytest.mark.slow
def test_a_driver_that_returns_late_is_used(driver: Driver) -> None:
    driver.hang_open = 1
    threading.Timer(0.7, driver.free.set).start()
    source = open_camera(0, "camera 0", QUICK)
    assert next(iter(source)).image.shape == (16, 16, 3)
    source.close()
    assert driver.events[0] == "open"
    assert driver.events.count("open") == 1


@pytest.mark.slow
def test_a_read_that_hangs_is_a_loss_after_the_time_that_was_asked_for(driver: Driver) -> None:
    driver.hang_grab = 3
    source = open_camera(0, "camera 0", CaptureOptions(stall_timeout=1.0))
    frames = iter(source)
    for _ in range(5):
        next(frames)
    assert source.outages[0].seconds >= 1.0
    # It is released on its own thread, and only when it has returned.
    assert driver.events == ["open", "open"]
    driver.free.set()
    deadline = time.monotonic() + 30
    while driver.events != ["open", "open", "release"]:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    source.close()


@pytest.mark.slow
def test_a_program_that_waits_for_a_driver_for_long_is_stuck(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spikerain_edge.stream.live._LONGEST_STEP", 0.0)
    driver.hang_grab = 3
    source = open_camera(0, "camera 0", QUICK)
    frames = iter(source)
    next(frames)
    driver.hang_open = 9
    reading = threading.Thread(target=lambda: list(frames), daemon=True)
    reading.start()
    deadline = time.monotonic() + 30
    while source.overdue < 1.5:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    source.close()
    driver.free.set()
    reading.join(30)
    assert not reading.is_alive()


def test_what_a_driver_raises_is_raised_where_it_is_waited_for() -> None:
    def fail() -> int:
        raise ValueError("no")

    watched = Watched(fail, lambda: None)
    with pytest.raises(ValueError, match="no"):
        watched.next(30)
    watched.close(30)
    with pytest.raises(ValueError, match="no"):
        Attempts(fail, print, "it", 30).make()


class Moody:
    """Refuses for another reason each time, until it has been asked often enough."""

    rate = 25.0

    def __init__(self, times: int) -> None:
        self.asked = 0
        self.times = times

    def __call__(self) -> Moody:
        self.asked += 1
        if self.asked < self.times:
            raise StreamError(f"reason {self.asked % 2}", "")
        return self

    def shots(self) -> Iterator[None]:
        yield None

    def close(self) -> None:
        pass


def test_reasons_that_alternate_are_each_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("random.uniform", lambda low, high: 0.0)
    connector.Connector(Moody(20), "camera", 1.0).first(wait=True)
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert told == ["reason 1; trying again until it is back", "reason 0; trying again"]


def test_a_reason_is_told_again_after_ten_minutes(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("random.uniform", lambda low, high: 0.0)
    monkeypatch.setattr(connector, "_SAY_EVERY", 0.0)
    Connector(Moody(4), "camera", 1.0).first(wait=True)
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(told) == 3
