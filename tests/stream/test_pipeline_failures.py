"""What goes wrong in a pipeline is reported, and what was derained before is written."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from stream_parts import Camera, Recorder, fail, inverted

from spikerain_edge.errors import InputError, ModelError, StreamError, TooLargeError
from spikerain_edge.images import Image
from spikerain_edge.stream.image_sinks import FolderSink
from spikerain_edge.stream.pipeline import Pipeline
from spikerain_edge.stream.sinks import Sink
from spikerain_edge.stream.stills import ImageSource
from spikerain_edge.stream.video_sink import VideoSink

ReadVideo = Callable[[Path], list[Image]]
Files = Callable[[Path], list[str]]


def test_an_error_of_the_source_comes_after_its_frames() -> None:
    failure = StreamError("unplugged", "")
    camera = Camera(3, fail(failure, at=2))
    sink = Recorder()

    with pytest.raises(StreamError) as raised:
        Pipeline(camera, inverted, [sink]).run()

    assert raised.value is failure
    assert sink.numbers == [0, 1]
    assert sink.closed.is_set()
    assert camera.closed


@pytest.mark.parametrize("failure", [ModelError("worn out", ""), ValueError("a bug")])
def test_an_error_of_the_function_reaches_the_caller(
    shades: ImageSource, failure: Exception, tmp_path: Path, read_video: ReadVideo, files: Files
) -> None:
    def break_at_five(image: Image) -> Image:
        if image[0, 0, 0] == 5:
            raise failure
        return image

    out = tmp_path / "out"
    with pytest.raises(type(failure)) as raised:
        Pipeline(shades, break_at_five, [VideoSink(out / "out.mp4", 25)]).run()

    assert raised.value is failure
    assert files(out) == ["out.mp4"]
    assert len(read_video(out / "out.mp4")) == 5


def test_an_image_that_cannot_be_served_is_named_and_the_others_are(
    shades: ImageSource, tmp_path: Path
) -> None:
    def refuse(image: Image) -> Image:
        if image[0, 0, 0] == 5:
            raise InputError("too small", "take a larger one")
        return image

    sink = Recorder()
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    source = ImageSource([*shades.paths, broken])
    pipeline = Pipeline(source, refuse, [sink])

    others = f"cannot decode the image {broken}"
    named = rf"^{shades.paths[5]}: too small; also: {others}; take a larger one$"
    with pytest.raises(InputError, match=named):
        pipeline.run()

    assert sink.numbers == [number for number in range(len(shades.paths)) if number != 5]
    assert pipeline.traffic.refused == 1
    assert source.missing == 1


def test_of_many_images_that_cannot_be_served_a_few_are_named(shades: ImageSource) -> None:
    def refuse(image: Image) -> Image:
        raise InputError("too small", "take a larger one")

    with pytest.raises(InputError) as raised:
        Pipeline(shades, refuse, []).run()

    more = len(shades.paths) - 4
    first, *named = (f"{path}: too small" for path in shades.paths[:4])
    assert raised.value.cause == f"{first}; also: {'; '.join(named)}; and {more} more"


def test_a_sink_that_fails_does_not_stop_the_others(shades: ImageSource) -> None:
    failure = StreamError("disk full", "make room")
    sinks = [Recorder(), Recorder(fail(failure, at=3)), Recorder()]

    with pytest.raises(StreamError) as raised:
        Pipeline(shades, inverted, sinks).run()

    assert raised.value is failure
    every = list(range(len(shades.paths)))
    assert [sink.numbers for sink in sinks] == [every, [0, 1, 2], every]
    assert all(sink.closed.is_set() for sink in sinks)


def test_a_run_ends_when_its_last_sink_has_failed(shades: ImageSource) -> None:
    sinks = [Recorder(fail(StreamError(f"full {n}", "make room"), at=n)) for n in (3, 5)]
    derained = []

    def derain(image: Image) -> Image:
        derained.append(image)
        return image

    # Each output has a thread of its own, so either may be the first to fail.
    either = "full 3; also: full 5; make room|full 5; also: full 3; make room"
    with pytest.raises(StreamError, match=either):
        Pipeline(shades, derain, sinks).run()
    assert len(derained) < len(shades.paths)


def test_an_image_that_cannot_be_written_does_not_stop_the_next(
    shades: ImageSource, tmp_path: Path, files: Files
) -> None:
    (tmp_path / "out" / "05.png").mkdir(parents=True)
    with pytest.raises(StreamError, match=r"out/05\.png"):
        Pipeline(shades, inverted, [FolderSink(tmp_path / "out")]).run()
    assert files(tmp_path / "out") == [f"{number:02d}.png" for number in range(40)]


def test_an_image_too_large_for_the_memory_is_named_and_the_others_are_derained(
    shades: ImageSource,
) -> None:
    def derain(image: Image) -> Image:
        if image[0, 0, 0] == 5:
            raise MemoryError
        return image

    sink = Recorder()
    with pytest.raises(
        TooLargeError, match=r"05\.png: not enough memory for an image of 24x16; .*--imgsz"
    ):
        Pipeline(shades, derain, [sink]).run()
    assert len(sink.numbers) == len(shades.paths) - 1


class Stuck(Recorder):
    def close(self) -> None:
        raise StreamError("disk full", "make room")


def test_what_fails_besides_is_named_too(shades: ImageSource) -> None:
    def break_down(image: Image) -> Image:
        raise ModelError("worn out", "export it again")

    sinks = [Stuck(), Stuck(), Recorder()]
    with pytest.raises(ModelError) as raised:
        Pipeline(shades, break_down, sinks).run()

    assert str(raised.value) == "worn out; also: disk full; export it again"
    assert raised.value.cause == "worn out; also: disk full"
    assert sinks[2].closed.is_set()


def test_a_bug_has_what_fails_besides_in_its_traceback(shades: ImageSource) -> None:
    def stumble(image: Image) -> Image:
        raise ValueError("a bug")

    with pytest.raises(ValueError, match=r"^a bug$") as raised:
        Pipeline(shades, stumble, [Stuck()]).run()
    assert "disk full" in "".join(traceback.format_exception(raised.value))


def test_a_sink_that_cannot_be_closed_does_not_keep_others_open(shades: ImageSource) -> None:
    failure = StreamError("disk full", "")

    class Stuck(Recorder):
        def close(self) -> None:
            raise failure

    last = Recorder()
    sinks: list[Sink] = [Stuck(), last]
    with pytest.raises(StreamError) as raised:
        Pipeline(shades, inverted, sinks).run()
    assert raised.value is failure
    assert last.closed.is_set()
