from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from stream_parts import Camera, Recorder, inverted, shade, wait

from spikerain_edge.images import Image
from spikerain_edge.images.reading import read_image
from spikerain_edge.stream.image_sinks import FolderSink, write_image
from spikerain_edge.stream.pipeline import Pipeline
from spikerain_edge.stream.sources import open_source
from spikerain_edge.stream.stills import ImageSource
from spikerain_edge.stream.video_sink import VideoSink

Files = Callable[[Path], list[str]]


def test_every_file_comes_through_changed_and_in_order(
    shades: ImageSource, tmp_path: Path, files: Files
) -> None:
    traffic = Pipeline(shades, inverted, [FolderSink(tmp_path / "out")]).run()

    assert files(tmp_path / "out") == [f"{number:02d}.png" for number in range(40)]
    for number in range(40):
        shown = read_image(tmp_path / "out" / f"{number:02d}.png")
        np.testing.assert_array_equal(shown, inverted(shade(number)))
    assert (traffic.frames, traffic.dropped) == (40, 0)
    assert len(traffic.inference) == len(traffic.whole_way) == 40
    assert all(0 < seconds <= traffic.elapsed for seconds in traffic.whole_way)


def test_a_slow_sink_loses_no_frame(shades: ImageSource) -> None:
    sink = Recorder(lambda number: time.sleep(0.002))
    traffic = Pipeline(shades, inverted, [sink]).run()
    assert sink.numbers == list(range(40))
    assert traffic.dropped == 0


def test_a_slow_function_loses_no_frame(shades: ImageSource) -> None:
    def slow(image: Image) -> Image:
        time.sleep(0.002)
        return image

    sink = Recorder()
    traffic = Pipeline(shades, slow, [sink]).run()
    assert sink.numbers == list(range(40))
    assert traffic.dropped == 0


def test_every_sink_gets_every_frame(shades: ImageSource) -> None:
    sinks = [Recorder(), Recorder()]
    Pipeline(shades, inverted, sinks).run()
    for sink in sinks:
        assert sink.numbers == list(range(40))
        assert sink.closed.is_set()


def test_no_sink_is_needed(shades: ImageSource) -> None:
    assert Pipeline(shades, inverted, []).run().frames == 40


@pytest.mark.parametrize(("limit", "expected"), [(1, 1), (7, 7), (40, 40), (99, 40)])
def test_stops_after_so_many_frames(shades: ImageSource, limit: int, expected: int) -> None:
    sink = Recorder()
    Pipeline(shades, inverted, [sink], max_frames=limit).run()
    assert sink.numbers == list(range(expected))


def test_files_behind_the_limit_are_not_even_read(shades: ImageSource) -> None:
    Path(shades.paths[3]).write_text("broken")
    assert Pipeline(shades, inverted, [], max_frames=3).run().frames == 3


@pytest.mark.parametrize("size", [(12, 8), (48, 32), (24, 16), (17, 31)])
def test_frames_are_scaled_first(shades: ImageSource, size: tuple[int, int]) -> None:
    sizes: list[tuple[int, ...]] = []

    def measure(image: Image) -> Image:
        sizes.append(image.shape)
        return image

    sink = Recorder()
    Pipeline(shades, measure, [sink], size=size, max_frames=3).run()

    assert sizes == [(size[1], size[0], 3)] * 3
    for number, image in enumerate(sink.images):
        np.testing.assert_array_equal(image, np.full_like(image, number))


def test_side_by_side_shows_the_input_left_of_the_result(shades: ImageSource) -> None:
    sink = Recorder()
    Pipeline(shades, inverted, [sink], side_by_side=True, max_frames=2).run()
    np.testing.assert_array_equal(sink.images[1], np.hstack([shade(1), inverted(shade(1))]))


def test_frames_written_are_reported(shades: ImageSource) -> None:
    reported: list[str] = []
    Pipeline(shades, inverted, [], progress=lambda frame: reported.append(frame.name)).run()
    assert reported == [f"{number:02d}" for number in range(40)]


def until_the_end(camera: Camera, begun: threading.Event) -> Callable[[Image], Image]:
    """Takes for its first image as long as the camera has frames."""

    def slow(image: Image) -> Image:
        begun.set()
        assert camera.ended.wait(60)
        return image

    return slow


def test_a_live_source_is_not_waited_for() -> None:
    busy = threading.Event()
    camera = Camera(20, wait(busy, since=1))
    sink = Recorder()
    traffic = Pipeline(camera, until_the_end(camera, busy), [sink]).run()

    assert sink.numbers == [0, 16, 17, 18, 19]
    assert (traffic.frames, traffic.dropped) == (5, 15)
    assert camera.closed


def test_of_a_live_source_dropped_frames_do_not_count_for_the_limit() -> None:
    busy = threading.Event()
    camera = Camera(20, wait(busy, since=1))
    sink = Recorder()
    Pipeline(camera, until_the_end(camera, busy), [sink], max_frames=4).run()
    assert sink.numbers == [0, 16, 17, 18]


def test_a_video_keeps_its_frames_and_its_rate(
    tmp_path: Path, make_video: Callable[..., Path], ffprobe: Callable[[Path], dict[str, str]]
) -> None:
    path = make_video(tmp_path / "in.mp4", 30, 12.5)
    source = open_source(str(path))
    sink = VideoSink(tmp_path / "out.mp4", source.rate)

    Pipeline(source, inverted, [sink]).run()

    before, after = ffprobe(path), ffprobe(tmp_path / "out.mp4")
    assert after == before
    assert after["nb_read_frames"] == "30"


def test_scaling_down_averages(tmp_path: Path) -> None:
    stripes = np.zeros((32, 32, 3), np.uint8)
    stripes[:, ::2] = 200
    write_image(tmp_path / "x.png", stripes)
    sink = Recorder()
    Pipeline(open_source(str(tmp_path)), inverted, [sink], size=(16, 16)).run()
    np.testing.assert_array_equal(sink.images[0], np.full((16, 16, 3), 155, np.uint8))
    assert cv2.countNonZero(sink.frames[0].image[..., 0] - 100) == 0
