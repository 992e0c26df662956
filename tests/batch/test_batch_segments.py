"""Segments of videos: together they are what `run` makes of the whole file."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from batch_parts import RATE, film, scene, settings_for, write_clip

from spikerain_edge.batch import worker
from spikerain_edge.batch.cutting import checksum, cut
from spikerain_edge.batch.outcome import CutVideo, Outcome
from spikerain_edge.batch.segments import SegmentSource, segment_path
from spikerain_edge.batch.tree import Still, Video
from spikerain_edge.batch.worker import Worker
from spikerain_edge.errors import ComputeError, InputError, ModelError, StreamError
from spikerain_edge.images import Image
from spikerain_edge.inference.frame_memory import FrameMemory
from spikerain_edge.run_options import RunOptions
from spikerain_edge.session import Session
from spikerain_edge.stream.frame import Frame
from spikerain_edge.stream.image_sinks import FolderSink
from spikerain_edge.stream.video import open_video

EVEN = range(17)
# Frames at uneven times, with gaps.
UNEVEN = [0, 1, 2, 5, 6, 7, 8, 9, 14, 15, 16, 17, 18, 30, 31, 32, 33]
B_FRAMES = "bframes=3:b-adapt=0"


@pytest.fixture
def work(tmp_path: Path) -> Worker:
    worker = Worker(settings_for(tmp_path / "out"))
    assert worker.load() is None
    return worker


def cut_video(worker: Worker, path: Path, output: Path) -> CutVideo:
    output.parent.mkdir(exist_ok=True)
    found = worker.video(Video(path.name, path, output))
    assert isinstance(found, CutVideo), found
    return found


def derained_in_segments(worker: Worker, video: CutVideo) -> Outcome:
    # Workers finish in any order.
    for number in reversed(video.missing):
        assert worker.segment(video, number).error is None
    return worker.join(video)


@pytest.mark.parametrize(
    ("name", "stamps", "parameters"),
    [
        ("even.mp4", EVEN, B_FRAMES),
        pytest.param("uneven.mkv", UNEVEN, B_FRAMES, marks=pytest.mark.slow),
        pytest.param("open.mov", EVEN, f"{B_FRAMES}:open-gop=1", marks=pytest.mark.slow),
        pytest.param("silent.avi", EVEN, "bframes=0", marks=pytest.mark.slow),
    ],
)
def test_joined_segments_have_the_frames_times_and_sound_of_a_run(
    name: str, stamps: Any, parameters: str, work: Worker, tmp_path: Path
) -> None:
    sound = not name.startswith("silent")
    clip = write_clip(tmp_path / name, stamps, parameters=parameters, sound=sound)
    whole, joined = tmp_path / f"whole_{name}", tmp_path / "out" / name
    Session(RunOptions((str(clip),), (str(whole),), threads=1)).run()
    video = cut_video(work, clip, joined)
    assert len(video.missing) == 4
    outcome = derained_in_segments(work, video)
    assert (outcome.error, outcome.frames) == (None, len(stamps))
    expected, made = film(whole), film(joined)
    assert made.times == expected.times
    assert made.sound == expected.sound
    assert bool(made.sound) is sound
    assert made.kind == expected.kind
    # Both are coded, with keyframes at other places: a loss of less than a level and a half.
    errors = np.sqrt(((made.images - expected.images) ** 2).mean(axis=(1, 2, 3)))
    assert errors.max() < 3
    assert not list((tmp_path / "out").rglob("*.partial*"))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("parameters", ["bframes=0", B_FRAMES, f"{B_FRAMES}:open-gop=1"])
def test_a_decoder_that_begins_at_a_keyframe_returns_the_frames_of_the_whole_file(
    parameters: str, suffix: str, tmp_path: Path
) -> None:
    clip = write_clip(tmp_path / f"clip{suffix}", UNEVEN, parameters=parameters)
    found = cut(clip, 5, "")
    assert found is not None
    plan, segments = found
    frames = []
    for segment in segments:
        source = SegmentSource(clip, plan, segment, seek=True)
        frames += list(source)
        source.close()
    whole = list(open_video(clip))
    assert [checksum(frame.image) for frame in frames] == [checksum(f.image) for f in whole]
    for field in ("sequence", "time", "duration", "pixel_shape", "name", "label"):
        assert [getattr(f, field) for f in frames] == [getattr(f, field) for f in whole], field


def test_frames_that_differ_after_seeking_are_read_from_the_start_of_the_file(
    work: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = write_clip(tmp_path / "clip.mkv", EVEN)
    video = cut_video(work, clip, tmp_path / "out" / "clip.mkv")
    real, seeks = SegmentSource._decoded, list[bool]()

    def late(source: SegmentSource) -> Any:
        seeks.append(source._seek)
        frames = real(source)
        if source._seek:
            next(frames)
        return frames

    monkeypatch.setattr(SegmentSource, "_decoded", late)
    outcome = derained_in_segments(work, video)
    assert (outcome.error, outcome.frames) == (None, len(EVEN))
    assert seeks == [True, False] * 4


def test_segments_for_a_video_model_begin_with_the_frames_that_it_remembers(
    tmp_path: Path,
) -> None:
    clip = write_clip(tmp_path / "clip.mp4", UNEVEN, parameters=B_FRAMES)
    found = cut(clip, 5, "", lead=True)
    assert found is not None
    plan, segments = found
    whole, memory = list(open_video(clip)), FrameMemory()
    expected = [memory.previous(frame.image, frame.time) for frame in whole]
    assert plan.lengths == [5, 5, 5, 2]
    for segment in segments:
        source, own = SegmentSource(clip, plan, segment, seek=True), FrameMemory()
        frames = list(source)
        for frame in source.lead:
            own.previous(frame.image, frame.time)
        assert len(frames) == segment.length
        for frame in frames:
            previous, wanted = own.previous(frame.image, frame.time), expected[frame.sequence]
            assert (previous is None) == (wanted is None)
            assert wanted is None or np.array_equal(previous, wanted)


def test_a_video_that_changes_meanwhile_is_an_error(work: Worker, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", EVEN)
    video = cut_video(work, clip, tmp_path / "out" / "clip.mp4")
    write_clip(clip, range(3, 20), parameters="qp=40")
    outcome = work.segment(video, 1)
    assert isinstance(outcome.error, InputError)
    assert "has changed while it was" in outcome.error.cause
    assert not segment_path(video.folder, 1).exists()
    assert isinstance(work.join(video).error, InputError)
    assert not list((tmp_path / "out").glob("*.mp4"))


@pytest.mark.parametrize(
    ("stamps", "keyframes"), [(range(7), 3), (EVEN, 100)], ids=["short", "one-keyframe"]
)
def test_short_videos_and_those_without_keyframes_stay_whole(
    stamps: Any, keyframes: int, work: Worker, tmp_path: Path
) -> None:
    clip = write_clip(tmp_path / "clip.mp4", stamps, keyframes=keyframes)
    (tmp_path / "out").mkdir()
    outcome = work.video(Video("clip.mp4", clip, tmp_path / "out" / "clip.mp4"))
    assert isinstance(outcome, Outcome)
    assert (outcome.error, outcome.frames) == (None, len(stamps))
    assert len(film(tmp_path / "out" / "clip.mp4").times) == len(stamps)


def test_a_damaged_video_is_derained_as_far_as_it_goes_and_named(
    work: Worker, tmp_path: Path
) -> None:
    clip = write_clip(tmp_path / "clip.mkv", EVEN)
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size * 2 // 3])
    (tmp_path / "out").mkdir()
    outcome = work.video(Video("clip.mkv", clip, tmp_path / "out" / "clip.mkv"))
    assert isinstance(outcome, Outcome)
    assert isinstance(outcome.error, InputError)
    assert outcome.usable
    assert 0 < outcome.frames < len(EVEN)
    assert len(film(tmp_path / "out" / "clip.mkv").times) == outcome.frames


def test_a_video_whose_frames_change_size_fails(work: Worker, tmp_path: Path) -> None:
    clip, output = tmp_path / "clip.mkv", tmp_path / "out" / "clip.mkv"
    with av.open(str(clip), "w") as container:
        stream = container.add_stream("mjpeg", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for number in range(6):
            picture = scene(number, *((48, 64) if number < 3 else (64, 96)))
            packet = av.Packet(cv2.imencode(".jpg", picture)[1].tobytes())
            packet.stream, packet.pts, packet.dts = stream, number, number
            packet.time_base = Fraction(1, RATE)
            container.mux(packet)
    output.parent.mkdir()
    outcome = work.video(Video("clip.mkv", clip, output))
    assert isinstance(outcome, Outcome)
    assert isinstance(outcome.error, InputError)
    assert "the video is 64x48" in outcome.error.cause
    assert not outcome.usable
    assert list(output.parent.glob("*.mkv")) == []


def test_a_worker_that_runs_out_of_memory_while_it_cuts_fails_the_video_alone(
    work: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(*_: Any, **__: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(worker, "cut", exhausted)
    clip = write_clip(tmp_path / "clip.mp4", EVEN)
    outcome = work.video(Video("clip.mp4", clip, tmp_path / "out" / "clip.mp4"))
    assert isinstance(outcome, Outcome)
    assert isinstance(outcome.error, ComputeError)
    assert not outcome.usable


def test_pages_of_an_image_that_breaks_off_are_no_output(
    work: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, folder = tmp_path / "pages.tiff", tmp_path / "out"
    cv2.imwritemulti(str(image), [scene(), scene(1)])
    folder.mkdir()
    write = FolderSink.write

    def first_only(sink: FolderSink, frame: Frame, derained: Image) -> None:
        if list(folder.glob("*.png")):
            raise StreamError("the disk is full", "make room")
        write(sink, frame, derained)

    monkeypatch.setattr(FolderSink, "write", first_only)
    [outcome] = work.stills([Still("pages.tiff", image, folder, "pages", ())])
    assert isinstance(outcome.error, StreamError)
    assert not outcome.usable
    assert list(folder.glob("*.png")) == []


def test_a_node_with_another_model_or_none_is_told(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    assert Worker(settings).load(settings.digest()) is None
    other = Worker(settings).load("0123456789abcdef")
    assert isinstance(other, ModelError)
    assert "is not the model of the machine" in other.cause
    absent = str(tmp_path / "absent.onnx")
    assert isinstance(Worker(replace(settings, models=(absent, absent))).load(), InputError)
