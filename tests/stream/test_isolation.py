"""A sink that is slow, blocked or broken harms neither the camera nor the other sinks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from stream_parts import Camera, Recorder, inverted

from spikerain_edge.errors import InputError, ModelError, SpikeRainError, StreamError
from spikerain_edge.images import Image
from spikerain_edge.stream.frame import Frame
from spikerain_edge.stream.pipeline import Pipeline


def in_step_with(sink: Recorder, seconds: float = 0.0) -> Callable[[int], None]:
    """Sends a frame when a sink has the one before it, so that none is too late on any machine."""

    def wait(number: int) -> None:
        while len(sink.frames) < number:
            time.sleep(0.001)
        time.sleep(seconds)

    return wait


def sink_traffic(pipeline: Pipeline) -> list[tuple[int, int, int]]:
    return [(sink.written, sink.dropped, sink.failed) for sink in pipeline.traffic.sinks]


class Blocked(Recorder):
    """A sink that takes one frame and never returns."""

    label = "a pipe"

    def write(self, frame: Frame, image: object) -> None:
        threading.Event().wait()


@pytest.mark.slow
def test_a_blocked_sink_holds_up_neither_the_camera_nor_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    free = Recorder()
    pipeline = Pipeline(Camera(10_000, in_step_with(free, 0.02)), inverted, [Blocked(), free])
    threading.Timer(2.2, pipeline.stop).start()
    begun = time.monotonic()
    with pytest.raises(StreamError, match="a pipe is blocked and has not been closed") as raised:
        pipeline.run()

    assert time.monotonic() - begun < 2.2 + 10
    assert "check what reads it" in raised.value.remedy
    assert free.numbers == list(range(len(free.numbers)))
    assert len(free.numbers) > 9
    assert free.closed.is_set()
    (written, dropped, failed), other = sink_traffic(pipeline)
    assert other == (len(free.numbers), 0, 0)
    assert (written, dropped, failed) == (0, len(free.numbers) - 9, 9)
    assert pipeline.traffic.frames == len(free.numbers)
    assert "a pipe is blocked; the stream goes on without it" in caplog.text
    # Frames come through at once, whatever waits in front of the blocked sink.
    assert np.median(pipeline.traffic.whole_way) < 1


def test_a_camera_is_told_to_end_while_the_sinks_still_write() -> None:
    camera = Camera(3)
    told: list[bool] = []

    class Last(Recorder):
        def close(self) -> None:
            deadline = time.monotonic() + 30
            while not camera.closed and time.monotonic() < deadline:
                time.sleep(0.01)
            told.append(camera.closed)

    Pipeline(camera, inverted, [Last()]).run()
    assert told == [True]


@pytest.mark.slow
@pytest.mark.parametrize("error", [InputError("no memory", "wait"), ModelError("the GPU", "wait")])
def test_what_fails_after_it_has_worked_is_no_fault_of_the_options(error: SpikeRainError) -> None:
    """A service manager does not start a program again whose options or model are wrong."""

    def fails_from(number: int) -> Callable[[Image], Image]:
        def derain(image: Image) -> Image:
            if image[0, 0, 0] >= number:
                raise error
            return image

        return derain

    sink = Recorder()
    with pytest.raises(StreamError, match=error.cause):
        Pipeline(Camera(3, in_step_with(sink)), fails_from(1), [sink]).run()
    assert sink.numbers == [0]
    with pytest.raises(type(error), match=error.cause):
        Pipeline(Camera(1), fails_from(0), [Recorder()]).run()


@pytest.mark.slow
def test_a_camera_that_changes_to_a_size_which_the_model_refuses_needs_other_options() -> None:
    """The program started again would end in the same way, so its exit code is the same."""

    class Turned(Camera):
        def __iter__(self) -> Iterator[Frame]:
            for frame in super().__iter__():
                yield replace(frame, image=frame.image.swapaxes(0, 1)) if frame.sequence else frame

    def upright_only(image: Image) -> Image:
        if image.shape[0] > image.shape[1]:
            raise InputError("takes 24x16 only", "scale them: spikerain-edge run --imgsz 24x16")
        return image

    sink = Recorder()
    with pytest.raises(InputError, match=r"takes 24x16 only; scale them: .* --imgsz 24x16"):
        Pipeline(Turned(2, in_step_with(sink)), upright_only, [sink]).run()
    assert sink.numbers == [0]


@pytest.mark.slow
def test_a_slow_sink_gets_the_newest_frames_of_a_camera() -> None:
    ages: list[float] = []

    class Slow(Recorder):
        def write(self, frame: Frame, image: object) -> None:
            ages.append(time.perf_counter() - frame.captured)
            time.sleep(0.3)

    quick = Recorder()
    pipeline = Pipeline(Camera(150, in_step_with(quick, 0.01)), inverted, [Slow(), quick])
    traffic = pipeline.run()
    assert quick.numbers == list(range(150))
    assert (traffic.frames, traffic.dropped) == (150, 0)
    assert np.median(ages) < 1
    (written, dropped, failed), _ = sink_traffic(pipeline)
    assert written + dropped == 150
    assert dropped > 100
    assert failed == 0


class Full(Recorder):
    """A sink that fails until there is room."""

    def __init__(self, room: Callable[[int], bool]) -> None:
        super().__init__()
        self._room = room

    def write(self, frame: Frame, image: object) -> None:
        if not self._room(frame.sequence):
            raise StreamError("cannot write x.mp4: disk full", "make room")
        self.frames.append(frame)


@pytest.mark.slow
def test_a_sink_of_a_camera_that_fails_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    filled = Full(lambda number: not 20 <= number < 60)
    free = Recorder()
    traffic = Pipeline(Camera(300, in_step_with(free, 0.01)), inverted, [filled, free]).run()

    assert free.numbers == list(range(300))
    assert traffic.frames == 300
    resumed = next(number for number in filled.numbers if number >= 20)
    assert filled.numbers == [*range(20), *range(resumed, 300)]
    counts = traffic.sinks[0]
    assert (counts.written, counts.failed) == (len(filled.numbers), 300 - len(filled.numbers))
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        "cannot write x.mp4: disk full; make room; the stream goes on without it",
        "recorder is written again",
    ]


def test_a_sink_that_still_fails_at_the_end_is_an_error() -> None:
    filled, free = Full(lambda number: number < 20), Recorder()
    with pytest.raises(StreamError, match="disk full"):
        Pipeline(Camera(40, in_step_with(free)), inverted, [filled, free]).run()
    assert free.numbers == list(range(40))
    assert filled.numbers == list(range(20))


def test_a_camera_is_not_kept_on_for_sinks_of_which_none_ever_worked() -> None:
    camera = Camera(10_000, lambda number: time.sleep(0.001))
    with pytest.raises(StreamError, match="disk full"):
        Pipeline(camera, inverted, [Full(lambda number: False)]).run()
    assert not camera.ended.is_set()


def test_a_camera_beside_others_is_kept_on_for_sinks_that_may_work_later() -> None:
    class Late(Full):
        separate = True

        def write(self, frame: Frame, image: object) -> None:
            super().write(frame, image)
            pipeline.stop()

    sink, camera = Late(lambda number: number >= 30), Camera(60, lambda number: time.sleep(0.01))
    pipeline = Pipeline(camera, inverted, [sink], shared=True)
    pipeline.run()
    assert sink.numbers
    assert sink.closed.is_set()


def test_a_sink_that_can_never_take_the_frames_is_given_up() -> None:
    class Single(Recorder):
        def write(self, frame: Frame, image: object) -> None:
            raise InputError("can hold one frame only", "put a number into the name")

    free = Recorder()
    with pytest.raises(InputError, match="one frame only"):
        Pipeline(Camera(40, in_step_with(free)), inverted, [Single(), free]).run()
    assert free.numbers == list(range(40))
