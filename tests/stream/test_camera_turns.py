"""Pipelines that share one function, as cameras share an engine."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from stream_parts import Camera, Recorder, wait

from spikerain_edge.images import Image
from spikerain_edge.run_options import RunOptions
from spikerain_edge.run_summary import CameraRecord, status_line
from spikerain_edge.stream.names import made_from, stamped
from spikerain_edge.stream.outages import Outage
from spikerain_edge.stream.pipeline import Pipeline
from spikerain_edge.stream.stills import ImageSource
from spikerain_edge.stream.traffic import Traffic
from spikerain_edge.stream.turns import Turns

FOR_LONG = 10_000_000


class Engine:
    """Notes whose images it is given; a call lasts until all others ask for it, or a moment."""

    def __init__(self, sharers: int) -> None:
        self.turns = Turns()
        self.calls: list[str] = []
        self._sharers = sharers

    def of(self, camera: str) -> Callable[[Image], Image]:
        def derain(image: Image) -> Image:
            self.calls.append(camera)
            deadline = time.monotonic() + 0.2
            while len(self.turns) < self._sharers and time.monotonic() < deadline:
                time.sleep(0.001)
            return image

        return derain


def run(*pipelines: Pipeline) -> None:
    threads = [threading.Thread(target=pipeline.run, daemon=True) for pipeline in pipelines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive()


def test_cameras_take_turns_whatever_their_rates() -> None:
    engine = Engine(sharers=3)
    pauses = {"fast": 0.0005, "middling": 0.005, "slow": 0.02}
    run(
        *(
            Pipeline(
                Camera(FOR_LONG, lambda number, pause=pause: time.sleep(pause)),
                engine.of(name),
                [],
                max_frames=15,
                turn=engine.turns,
            )
            for name, pause in pauses.items()
        )
    )
    assert {name: engine.calls.count(name) for name in pauses} == dict.fromkeys(pauses, 15)
    # When the first of them has all its frames, the others are not far behind.
    ended = min(len(engine.calls) - engine.calls[::-1].index(name) for name in pauses)
    assert min(engine.calls[:ended].count(name) for name in pauses) >= 8


def test_a_silent_camera_does_not_hold_up_the_others() -> None:
    engine, silence = Engine(sharers=1), threading.Event()
    silent = Camera(FOR_LONG, wait(silence, since=1))
    held = Pipeline(silent, engine.of("silent"), [], turn=engine.turns)
    other = Pipeline(
        Camera(FOR_LONG, lambda number: time.sleep(0.001)),
        engine.of("other"),
        [],
        max_frames=30,
        turn=engine.turns,
    )
    thread = threading.Thread(target=held.run, daemon=True)
    thread.start()
    run(other)
    assert engine.calls.count("other") == 30
    assert engine.calls.count("silent") <= 1
    held.stop()
    silence.set()
    thread.join(60)
    assert not thread.is_alive()


@pytest.mark.parametrize(("sent", "taken"), [(20, [19]), (4, [0, 1, 2, 3])])
def test_the_frame_is_chosen_when_the_turn_has_come(
    sent: int, taken: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the newest where frames had to give way; a few that have come at once all wait."""
    # However slow the machine is.
    monkeypatch.setattr("spikerain_edge.stream.pipeline._STALE", 600.0)
    turns, sink = Turns(), Recorder()
    camera = Camera(sent)
    pipeline = Pipeline(camera, np.copy, [sink], turn=turns, shared=True)
    with turns:
        thread = threading.Thread(target=pipeline.run)
        thread.start()
        assert camera.ended.wait(60)
        while len(turns) < 2:
            time.sleep(0.001)
    thread.join(60)
    assert sink.numbers == taken


def test_files_beside_a_camera_lose_no_frame(shades: ImageSource) -> None:
    engine, sink = Engine(sharers=2), Recorder()
    files = Pipeline(shades, engine.of("files"), [sink], turn=engine.turns)
    camera = Pipeline(
        Camera(FOR_LONG, lambda number: time.sleep(0.001)),
        engine.of("camera"),
        [],
        max_frames=40,
        turn=engine.turns,
    )
    run(files, camera)
    assert sink.numbers == list(range(40))
    assert files.traffic.dropped == 0
    assert camera.traffic.frames == 40


def test_recordings_of_one_camera_are_never_taken_for_those_of_another(tmp_path: Path) -> None:
    options = RunOptions(cameras=("a",) * 12, outputs=(str(tmp_path / "gate_{camera}.mp4"),))
    templates = [stamped(Path(options.outputs_of(index)[0])) for index in range(12)]
    names = ["gate_{}_20261126-120000.mp4", "gate_{}_20261126-120000_1.mp4"]
    for name in names:
        for index in range(12):
            (tmp_path / name.format(index)).touch()
    for index, template in enumerate(templates):
        made = sorted(path.name for path in made_from(template))
        assert made == [name.format(index) for name in names]


def test_the_status_names_every_camera_and_what_is_wrong_with_it() -> None:
    def record(frames: int, *outages: Outage, away: bool = False) -> CameraRecord:
        return CameraRecord(Traffic(frames=frames), (), outages=outages, away=away)

    away = Outage(start=0.0, seconds=12.3)
    assert status_line([record(7)]) == "7 frames written, 0 dropped"
    assert status_line([record(7), record(3, away, away=True)]) == (
        "camera 0: 7 frames written, 0 dropped; camera 1: 3 frames written, 0 dropped, "
        "1 outages, the camera has been away for 12 seconds"
    )
