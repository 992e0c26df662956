from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from video_graph import video_file

from spikerain_edge.errors import InputError
from spikerain_edge.inference import Derainer
from spikerain_edge.profiling import measurement, power
from spikerain_edge.profiling.energy import price_lists
from spikerain_edge.profiling.measurement import (
    Workload,
    observe_neurons,
    peak_memory,
    resident_memory,
    time_frames,
)
from spikerain_edge.profiling.published import PublishedCount
from spikerain_edge.profiling.rows import Findings, build_row

IMAGES = (np.zeros((32, 32, 3), np.uint8), np.full((32, 32, 3), 200, np.uint8))


class Lamp:
    """A rail of constant power."""

    def __init__(self, rail: str, watts: float) -> None:
        self.rail = rail
        self._watts = watts
        self._start = 0.0

    def __enter__(self) -> Lamp:
        self._start = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def joules(self) -> float:
        return self._watts * (time.monotonic() - self._start)


def work(model: object, **settings: Any) -> Workload:
    return Workload(str(model), IMAGES, threads=1, warmup=1, iterations=4, **settings)


def test_every_frame_is_timed_in_three_stages(nano: Any) -> None:
    timing = time_frames(work(nano.graph, power=False))
    stages = timing.stages
    assert len(stages.pre) == len(stages.engine) == len(stages.post) == len(stages.whole) == 4
    assert stages.whole[0] == stages.pre[0] + stages.engine[0] + stages.post[0]
    assert 0 < timing.loaded <= timing.peak <= peak_memory()
    assert timing.power.reason == "switched off by --no-power"


class Slow:
    """A derainer whose stages take 1, 20 and 3 seconds of a simulated clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.engine = self
        self.spec = SimpleNamespace(reads_video=False)

    def _take(self, seconds: float) -> None:
        self.now += seconds

    def prepare(self, image: object) -> None:
        self._take(1)

    def infer(self, images: object) -> None:
        self._take(20)

    def finish(self, derained: object, image: object) -> None:
        self._take(3)

    def __call__(self, image: object) -> None:
        self._take(100)


def test_each_stage_gets_its_own_time_and_warm_up_frames_are_not_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slow = Slow()
    monkeypatch.setattr(measurement, "time", SimpleNamespace(perf_counter=lambda: slow.now))
    monkeypatch.setattr(Workload, "load", lambda workload: nullcontext(slow))
    stages = time_frames(work("simulated", power=False)).stages
    assert (stages.pre, stages.engine, stages.post) == ([1] * 4, [20] * 4, [3] * 4)
    assert stages.whole == [24] * 4


def test_a_video_model_gets_the_frame_before_each(tmp_path: Path, picture: Any) -> None:
    (tmp_path / "darker.onnx").write_bytes(video_file())
    (tmp_path / "darker.probe.onnx").write_bytes(video_file(probe=True))
    images, previous = ((picture(one), picture(two)) for one, two in ((0, 1), (2, 3)))
    given = Workload(str(tmp_path / "darker.onnx"), images, threads=1, previous=previous)

    brighter = np.mean([image > before for image, before in zip(images, previous, strict=True)])
    assert observe_neurons(given).rates == pytest.approx(brighter)
    assert observe_neurons(replace(given, previous=())).rates == 0
    assert time_frames(replace(given, iterations=3, power=False)).frames == given.warmup + 3


def test_memory_before_the_frames_is_the_resident_memory(nano: Any) -> None:
    before = resident_memory()
    passing = bytearray(100_000_000)
    passing[::4096] = b"\1" * len(passing[::4096])
    assert resident_memory() > before + 90_000_000
    del passing
    timing = time_frames(work(nano.graph, power=False))
    assert timing.loaded < timing.peak - 50_000_000


def test_without_linux_the_peak_replaces_the_resident_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def absent(path: Path) -> str:
        raise FileNotFoundError(path)

    monkeypatch.setattr(Path, "read_text", absent)
    assert resident_memory() == peak_memory() > 0


def test_measured_energy_covers_all_frames(nano: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    lamps = [Lamp("VDD_IN", 10.0), Lamp("VDD_CPU", 4.0)]
    monkeypatch.setattr(power, "open_meters", lambda gpu: (lamps, ""))
    monkeypatch.setattr(measurement, "POWER_SECONDS", 0.2)
    timing = time_frames(work(nano.graph))
    assert timing.frames == 1 + len(timing.stages.whole) >= 5
    assert 0.2 <= timing.power.seconds < 2

    found = Findings((32, 32), (32, 32), timing=timing)
    measured = build_row(found, nano.spec, price_lists(), PublishedCount(1, 1, 1)).measured
    assert measured.rail == "VDD_IN"
    assert measured.reason is None
    assert measured.watts == pytest.approx(10, rel=0.05)
    assert measured.idle_watts == pytest.approx(10, rel=0.05)
    joules = 10 * timing.power.seconds / timing.frames
    assert measured.joules_per_frame == pytest.approx(joules, rel=0.05)
    assert measured.net_joules_per_frame == pytest.approx(0, abs=0.05 * joules)
    assert [rail.rail for rail in measured.rails] == ["VDD_IN", "VDD_CPU"]
    assert measured.rails[1].watts == pytest.approx(4, rel=0.05)


def test_without_readable_rails_the_reason_is_reported(
    nano: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(power, "open_meters", lambda gpu: ([], f"no rails, GPU {gpu}"))
    assert time_frames(work(nano.graph)).power.reason == "no rails, GPU False"


def test_the_energy_of_an_engine_is_measured_at_the_gpu(
    nano: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(work: Workload) -> Derainer:
        return Derainer.from_bytes(nano.content)

    monkeypatch.setattr(Workload, "load", load)
    monkeypatch.setattr(power, "open_meters", lambda gpu: ([], f"no rails, GPU {gpu}"))
    engine = tmp_path / "mine.engine"
    engine.touch()
    assert time_frames(work(engine)).power.reason == "no rails, GPU True"


def test_the_activity_of_neurons_is_measured(nano: Any) -> None:
    activity = observe_neurons(work(nano.graph))
    assert activity.rates.shape == (len(nano.spec.neurons), 2)
    assert activity.silent.shape == (len(nano.spec.neurons),)


def test_measuring_activity_needs_a_probe_graph(nano: Any, tmp_path: Any) -> None:
    alone = tmp_path / "alone.onnx"
    alone.write_bytes(nano.content)
    with pytest.raises(InputError, match="without a probe graph"):
        observe_neurons(work(alone))
