from __future__ import annotations

import time
from dataclasses import replace
from io import StringIO
from itertools import count

import pytest
from rich.console import Console

from spikerain_edge.cli import app
from spikerain_edge.commands.live import REFRESHES_PER_SECOND, LiveView
from spikerain_edge.profiling.live import FrameCost, WholeCost
from spikerain_edge.stream.traffic import Traffic

WHOLE = WholeCost(
    "fp32",
    activation_bits=2,
    spiking_mj=7.04,
    quantised_ann_mj=9.2,
    ratio=1.31,
    break_even_rate=0.6,
)
COST = FrameCost(gmacs=3.0703, firing_rate=0.2664, gsops=0.7354, energy_mj=1.512, whole=WHOLE)


@pytest.fixture
def traffic() -> Traffic:
    busy = Traffic(frames=40, dropped=3)
    for times, seconds in (
        (busy.waiting, 0.001),
        (busy.inference, 0.150),
        (busy.writing, 0.004),
        (busy.whole_way, 0.155),
    ):
        times.extend([seconds] * 40)
    return busy


def shown(view: LiveView) -> str:
    text = StringIO()
    Console(file=text, width=100).print(view)
    return text.getvalue()


def test_times_frames_spikes_and_energy_are_shown(traffic: Traffic) -> None:
    text = shown(LiveView(lambda: [traffic], lambda: COST))
    rows = {" ".join(line.split()) for line in text.splitlines()}
    assert {
        "waiting 1.0 1.0 1.0 1.0",
        "inference 150.0 150.0 150.0 150.0",
        "writing 4.0 4.0 4.0 4.0",
        "capture to written 155.0 155.0 155.0 155.0",
    } <= rows
    assert "40 frames, 3 dropped" in text
    spent = (
        "3.07 dense GMACs per frame, firing rate 0.266, 0.735 GSOPs; 7.04 mJ estimated with memory"
    )
    assert f"{spent}, 9.20 mJ as a quantised ANN" in " ".join(text.split())


def test_with_one_bit_the_quantised_ann_is_called_the_same_network(traffic: Traffic) -> None:
    one_bit = replace(COST, whole=replace(WHOLE, activation_bits=1))
    text = " ".join(shown(LiveView(lambda: [traffic], lambda: one_bit)).split())
    assert "9.20 mJ as the same network with multiplications" in text
    assert "ANN" not in text


def test_the_frame_rate_covers_the_latest_seconds(traffic: Traffic) -> None:
    clock = count(0)  # a second passes between drawings
    view = LiveView(lambda: [traffic], lambda: COST, clock=lambda: float(next(clock)))
    for _ in range(20):
        traffic.frames += 100
        shown(view)
    for _ in range(5 * REFRESHES_PER_SECOND):
        traffic.frames += 7
        text = shown(view)
    assert "7.0 frames per second" in text


def test_each_of_several_cameras_has_a_line(traffic: Traffic) -> None:
    slow = Traffic(frames=7, dropped=50)
    slow.whole_way.extend([0.4] * 7)
    clock = count(0)
    view = LiveView(lambda: [traffic, slow], lambda: COST, clock=lambda: float(next(clock)))
    slow.frames += 2
    text = shown(view)
    assert "2.0 frames per second, 49 frames, 53 dropped" in text
    assert "camera 0: 0.0 frames per second, 40 frames, 3 dropped, 155.0 ms old" in text
    assert "camera 1: 2.0 frames per second, 9 frames, 50 dropped, 400.0 ms old" in text


def test_the_table_after_the_last_frame_has_no_frame_rate(traffic: Traffic) -> None:
    text = StringIO()
    Console(file=text, width=100).print(LiveView(lambda: [traffic], lambda: COST).finished())
    assert "40 frames, 3 dropped" in text.getvalue()
    assert "capture to written" in text.getvalue()
    assert "per second" not in text.getvalue()


def test_costs_are_unknown_before_the_first_frame_and_without_a_probe_graph() -> None:
    assert "no frames yet" in shown(LiveView(lambda: [Traffic()], lambda: None))
    unprobed = FrameCost(3.0, None, None, None)
    assert "no probe graph" in shown(LiveView(lambda: [Traffic()], lambda: unprobed))


def test_drawing_takes_less_than_two_percent_of_a_core(traffic: Traffic) -> None:
    for times in (traffic.waiting, traffic.inference, traffic.writing, traffic.whole_way):
        times.extend([0.1] * 65536)
    view = LiveView(lambda: [traffic], lambda: COST)
    costs = []
    for _ in range(10):
        start = time.process_time()
        shown(view)
        costs.append(time.process_time() - start)
    assert min(costs) * REFRESHES_PER_SECOND < 0.02


@pytest.mark.slow
def test_run_shows_the_table(capfd: pytest.CaptureFixture[str]) -> None:
    frames = ["run", "--camera", "demo", "--imgsz", "32x32", "--max-frames", "3", "--threads", "1"]
    with pytest.raises(SystemExit) as ended:
        app([*frames, "--profile"])
    text = capfd.readouterr().err
    assert not ended.value.code
    assert "capture to written" in text
    assert "3 frames, 0 dropped" in text
    assert text.count("per second") == 1
    assert "mJ estimated" in text
