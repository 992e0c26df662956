from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from stream_parts import Camera, Recorder, fail, inverted, wait

from spikerain_edge.errors import InputError, StreamError
from spikerain_edge.images import Image
from spikerain_edge.stream.frame import Frame
from spikerain_edge.stream.image_sinks import FolderSink, write_image
from spikerain_edge.stream.pipeline import Pipeline
from spikerain_edge.stream.sinks import Sink
from spikerain_edge.stream.sources import open_source
from spikerain_edge.stream.stills import ImageSource
from spikerain_edge.stream.traffic import Traffic
from spikerain_edge.stream.video_sink import VideoSink

ReadVideo = Callable[[Path], list[Image]]
Files = Callable[[Path], list[str]]


def test_what_is_derained_when_asked_to_stop_is_written(
    shades: ImageSource, tmp_path: Path, files: Files
) -> None:
    def stop_at_five(image: Image) -> Image:
        if image[0, 0, 0] == 5:
            pipeline.stop()
        return image

    pipeline = Pipeline(shades, stop_at_five, [FolderSink(tmp_path / "out")])
    traffic = pipeline.run()

    assert traffic.frames == 6
    assert files(tmp_path / "out") == [f"{number:02d}.png" for number in range(6)]


def test_stops_though_the_camera_sends_nothing_any_more() -> None:
    unplugged = threading.Event()
    camera = Camera(3, wait(unplugged, since=3))

    class Last(Recorder):
        def close(self) -> None:
            super().close()
            # The camera hangs until the last sink is closed, so it cannot have helped.
            unplugged.set()

    def stop_after_two(frame: Frame) -> None:
        if frame.sequence == 2:
            pipeline.stop()

    sink = Last()
    pipeline = Pipeline(camera, inverted, [sink], progress=stop_after_two)
    pipeline.run()

    assert sink.numbers == [0, 1, 2]
    assert sink.closed.is_set()


def test_may_be_stopped_before_it_runs(shades: ImageSource, tmp_path: Path, files: Files) -> None:
    pipeline = Pipeline(shades, inverted, [VideoSink(tmp_path / "out" / "out.mp4", 25)])
    pipeline.stop()
    assert pipeline.run().frames == 0
    assert not (tmp_path / "out").exists()


def test_a_stop_may_interrupt_a_stop(shades: ImageSource) -> None:
    pipeline = Pipeline(shades, inverted, [])

    def interrupt(*event: object) -> None:
        """Does between any two steps of `stop` what a signal's handler would do there."""
        sys.setprofile(None)
        pipeline.stop()
        sys.setprofile(interrupt)

    def stop() -> None:
        sys.setprofile(interrupt)
        pipeline.stop()
        sys.setprofile(None)

    stopping = threading.Thread(target=stop, daemon=True)
    stopping.start()
    stopping.join(timeout=10)
    assert not stopping.is_alive()
    assert pipeline.run().frames == 0


def test_a_silent_camera_keeps_no_failure_of_a_sink_to_itself() -> None:
    ended = threading.Event()
    waited: list[bool] = []

    class Watched(Traffic):
        def __setattr__(self, name: str, value: object) -> None:
            super().__setattr__(name, value)
            if name == "elapsed" and value:
                ended.set()

    def stall(number: int) -> None:
        if number == 1:
            waited.append(ended.wait(timeout=20))

    failure = StreamError("disk full", "")
    pipeline = Pipeline(Camera(2, stall), inverted, [Recorder(fail(failure, at=0))])
    pipeline.traffic = Watched()
    with pytest.raises(StreamError) as raised:
        pipeline.run()

    assert raised.value is failure
    assert waited == [True]


def test_an_error_before_the_first_frame_leaves_nothing(tmp_path: Path, files: Files) -> None:
    (tmp_path / "in.png").write_text("no image")
    sinks: list[Sink] = [FolderSink(tmp_path / "out"), VideoSink(tmp_path / "new" / "out.mp4", 25)]
    with pytest.raises(InputError, match=r"in\.png"):
        Pipeline(open_source(str(tmp_path / "in.png")), inverted, sinks).run()
    assert files(tmp_path) == ["in.png"]


def test_an_error_in_mid_stream_leaves_a_video_that_plays(
    shades: ImageSource, tmp_path: Path, read_video: ReadVideo, files: Files
) -> None:
    write_image(shades.paths[6], np.zeros((20, 30, 3), np.uint8))
    with pytest.raises(InputError, match=r"06\.png is 30x20, the video is 24x16; .*--imgsz"):
        Pipeline(shades, inverted, [VideoSink(tmp_path / "out" / "out.mp4", 25)]).run()
    assert files(tmp_path / "out") == ["out.mp4"]
    assert len(read_video(tmp_path / "out" / "out.mp4")) == 6
