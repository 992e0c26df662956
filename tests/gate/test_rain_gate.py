"""The gate, with a network that removes white streaks, and takes bright texture for rain too."""

from __future__ import annotations

import logging

import cv2
import numpy as np
import pytest

from spikerain_edge.errors import InputError
from spikerain_edge.gate import Gate, RainReport, RainState
from spikerain_edge.images import Image

RATE = 4
LEARNED = 15 * RATE
SIZE = (240, 320)


class Street:
    """A camera in front of a textured scene, of at most 150 levels."""

    def __init__(self, seed: int = 0, size: tuple[int, int] = SIZE) -> None:
        coarse = np.random.default_rng(seed).normal(0, 1, (12, 16, 3))
        picture = cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC)
        dry = np.clip(90 + 25 * picture, 30, 150)
        rng = np.random.default_rng(seed)
        self._dry = [np.rint(dry + rng.normal(0, 2, dry.shape)).astype(np.uint8) for _ in range(5)]

    def frame(self, number: int, *, drops: int = 0) -> Image:
        rng = np.random.default_rng(number)
        image = self._dry[number % 5].copy()
        for _ in range(drops):
            y, x = rng.integers(0, image.shape[0]), rng.integers(0, image.shape[1])
            image[y : y + 15, x] = 220
        return image


class Network:
    """Counts frames and parts that it is given."""

    def __init__(self) -> None:
        self.frames = self.parts = 0

    def derain(self, image: Image, previous: Image | None = None) -> Image:
        self.frames += 1
        return without_streaks(image)

    def derain_part(self, image: Image, previous: Image | None = None) -> Image:
        self.parts += image.shape[0] * image.shape[1]
        return without_streaks(image)


def without_streaks(image: Image) -> Image:
    texture = np.maximum(image.astype(np.float32) - 110, 0) / 10
    return np.where(image > 180, 100, image - texture).astype(np.uint8)


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture
def gate(network: Network) -> Gate:
    return Gate(network.derain, network.derain_part, camera="street")


def show(
    gate: Gate, street: Street, first: int, count: int, drops: int = 0, outages: int = 0
) -> list[bool]:
    """Shows frames to a gate; returns which of them passed untouched."""
    untouched = []
    for number in range(first, first + count):
        frame = street.frame(number, drops=drops)
        before = frame.copy()
        shown = gate(frame, number / RATE, outages)
        np.testing.assert_array_equal(frame, before)
        untouched.append(shown is frame)
        if shown is not frame:
            np.testing.assert_array_equal(shown, without_streaks(frame))
    return untouched


@pytest.mark.slow
def test_a_dry_street_passes_untouched_after_a_while(gate: Gate, network: Network) -> None:
    untouched = show(gate, Street(), 0, 40 * RATE)

    assert gate.report == RainReport(RainState.DRY, 0.0, sum(untouched))
    assert not any(untouched[: 8 * RATE])
    assert all(untouched[LEARNED:])
    assert network.frames == 40 * RATE - sum(untouched)


def test_noise_that_a_video_model_removes_is_not_taken_for_rain(network: Network) -> None:
    def derain(image: Image, previous: Image | None = None) -> Image:
        before = image if previous is None else previous
        return cv2.addWeighted(without_streaks(image), 0.5, without_streaks(before), 0.5, 0)

    gate, street = Gate(derain, network.derain_part, apart=True, camera="street"), Street()
    for number in range(LEARNED):
        gate(street.frame(number), number / RATE, 0, street.frame(max(0, number - 1)))
    assert gate.report.state is RainState.DRY


@pytest.mark.slow
def test_rain_is_derained_within_two_seconds_and_held(gate: Gate) -> None:
    street = Street()
    show(gate, street, 0, LEARNED)
    bypassed = gate.report.bypassed
    rainy = show(gate, street, LEARNED, 10 * RATE, drops=200)
    after = show(gate, street, LEARNED + 10 * RATE, 60 * RATE)

    assert not any(rainy[2 * RATE :])
    assert not any(after[: 29 * RATE])
    assert all(after[50 * RATE :])
    assert gate.report.bypassed == bypassed + sum(rainy) + sum(after)


@pytest.mark.slow
def test_the_intensity_is_the_light_that_is_removed(gate: Gate) -> None:
    street = Street()
    show(gate, street, 0, 20 * RATE, drops=200)
    frames = [street.frame(number, drops=200).astype(float) for number in range(20)]
    light = np.mean([np.where(frame > 180, frame - 100, 0) for frame in frames])

    assert gate.report.state is RainState.RAIN
    assert gate.report.intensity == pytest.approx(light, rel=0.35)


@pytest.mark.slow
def test_a_dry_second_costs_less_than_a_frame(gate: Gate, network: Network) -> None:
    street = Street(size=(480, 640))
    show(gate, street, 0, LEARNED)
    network.parts = 0
    show(gate, street, LEARNED, 20 * RATE)

    assert network.parts / 20 <= 0.5 * 480 * 640


@pytest.mark.slow
def test_tests_are_free_while_frames_are_derained(gate: Gate, network: Network) -> None:
    show(gate, Street(), 0, 1)
    network.parts = 0
    show(gate, Street(), 1, 20 * RATE, drops=200)

    assert network.parts == 0


def test_a_camera_that_sends_each_frame_twice_is_not_taken_for_dry(gate: Gate) -> None:
    street = Street()
    show(gate, street, 0, LEARNED)
    for number in range(6 * RATE):
        gate(street.frame(number // 2, drops=200), (LEARNED + number / 2) / RATE)

    assert gate.report.state is RainState.RAIN


def test_a_picture_that_never_changes_is_dry(gate: Gate) -> None:
    still = Street().frame(0)
    for number in range(20 * RATE):
        gate(still, number / RATE)

    assert gate.report.state is RainState.DRY


def test_frames_that_are_far_apart_are_derained_throughout(gate: Gate) -> None:
    street = Street()
    for number in range(30):
        gate(street.frame(number), float(number))

    assert gate.report == RainReport(RainState.UNKNOWN, None, 0)


@pytest.mark.slow
@pytest.mark.parametrize("change", ["cut", "size", "outage"])
def test_a_camera_that_shows_something_else_is_derained_again(gate: Gate, change: str) -> None:
    show(gate, Street(), 0, LEARNED)
    assert gate.report.state is RainState.DRY
    street = {"cut": Street(5), "size": Street(size=(200, 320)), "outage": Street()}[change]
    untouched = show(gate, street, LEARNED, 5 * RATE, outages=int(change == "outage"))

    assert not any(untouched)
    assert gate.report.state is RainState.UNKNOWN
    assert gate.report.intensity is None


def test_an_engine_of_a_fixed_size_is_tested_on_whole_frames(network: Network) -> None:
    def fixed(image: Image) -> Image:
        if image.shape[:2] != SIZE:
            raise InputError("takes images of 320x240 only", "scale them")
        return network.derain_part(image)

    gate = Gate(network.derain, fixed)
    show(gate, Street(), 0, LEARNED)
    bypassed = gate.report.bypassed
    rainy = show(gate, Street(), LEARNED, 3 * RATE, drops=200)

    assert bypassed
    assert not any(rainy[2 * RATE :])


def test_changes_are_said_once(gate: Gate, caplog: pytest.LogCaptureFixture) -> None:
    street = Street()
    with caplog.at_level(logging.INFO, "spikerain_edge"):
        show(gate, street, 0, LEARNED)
        show(gate, street, LEARNED, 5 * RATE, drops=200)
    events = [vars(record) for record in caplog.records]

    assert [event["state"] for event in events] == ["dry", "rain"]
    assert {event["event"] for event in events} == {"rain_state"}
    assert {event["camera"] for event in events} == {"street"}
