from __future__ import annotations

from collections.abc import Callable, Iterator

import cv2
import numpy as np
import pytest
from video_graph import video_file

from spikerain_edge.errors import InputError
from spikerain_edge.images import Image
from spikerain_edge.inference import Derainer
from spikerain_edge.inference.frame_memory import FrameMemory, Restart

Draw = Callable[..., Image]
NONE = dict.fromkeys(Restart, 0)


def scene(seed: int = 0) -> Image:
    """A picture with large bright and dark parts."""
    coarse = np.random.default_rng(seed).integers(20, 236, (5, 6, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (160, 120), interpolation=cv2.INTER_CUBIC), np.uint8)


def rainy(number: int, image: Image | None = None) -> Image:
    """A frame of a still camera with streaks that are elsewhere in each frame."""
    frame, rng = (scene() if image is None else image).copy(), np.random.default_rng(number)
    for _ in range(60):
        y, x = rng.integers(0, 110), rng.integers(0, 160)
        frame[y : y + 10, x] = 230
    return frame


@pytest.fixture
def memory() -> FrameMemory:
    return FrameMemory()


@pytest.fixture(scope="module")
def darker() -> Iterator[Derainer]:
    with Derainer.from_bytes(video_file()) as derainer:
        yield derainer


def test_each_frame_gets_the_one_before_it(memory: FrameMemory) -> None:
    frames = [rainy(number) for number in range(4)]
    found = [memory.previous(frame, number / 25) for number, frame in enumerate(frames)]
    assert found[0] is None
    assert all(one is two for one, two in zip(found[1:], frames, strict=False))
    assert memory.restarts == NONE


@pytest.mark.parametrize(
    "later",
    [
        pytest.param(np.roll(rainy(1), 8, axis=1), id="a pan"),
        pytest.param(cv2.convertScaleAbs(rainy(1), alpha=0.6), id="exposure"),
        pytest.param(cv2.GaussianBlur(rainy(1), (0, 0), 3), id="focus"),
    ],
)
def test_what_a_camera_does_is_not_a_cut(memory: FrameMemory, later: Image) -> None:
    memory.previous(rainy(0))
    assert memory.previous(later) is not None
    assert memory.restarts == NONE


def test_another_scene_starts_anew(memory: FrameMemory) -> None:
    memory.previous(rainy(0))
    other = rainy(1, scene(7))
    assert memory.previous(other) is None
    assert memory.previous(rainy(2, scene(7))) is other
    assert memory.restarts == NONE | {Restart.CUT: 1}


def test_another_size_starts_anew(memory: FrameMemory) -> None:
    memory.previous(rainy(0))
    assert memory.previous(rainy(1)[:112]) is None
    assert memory.restarts == NONE | {Restart.SIZE: 1}


def test_a_camera_that_comes_back_starts_anew(memory: FrameMemory) -> None:
    memory.previous(rainy(0), 0.0, 0)
    assert memory.previous(rainy(1), 60.0, 1) is None
    assert memory.previous(rainy(2), 60.04, 1) is not None
    assert memory.restarts == NONE | {Restart.OUTAGE: 1}


def test_a_gap_in_time_starts_anew(memory: FrameMemory) -> None:
    times = [0.0, 0.04, 0.08, 1.0, 1.04]
    found = [memory.previous(rainy(number), time) for number, time in enumerate(times)]
    assert [previous is None for previous in found] == [True, False, False, True, False]
    assert memory.restarts == NONE | {Restart.GAP: 1}


@pytest.mark.parametrize("pause", [0.2, 1.0, 1.9])
def test_a_slow_camera_has_no_gaps(memory: FrameMemory, pause: float) -> None:
    for number in range(4):
        memory.previous(rainy(number), number * pause)
    assert memory.restarts == NONE


def test_a_camera_that_slows_down_for_good_starts_anew_once(memory: FrameMemory) -> None:
    for number, time in enumerate([0.0, 0.04, 0.08, 3.0, 6.0, 9.0]):
        memory.previous(rainy(number), time)
    assert memory.restarts == NONE | {Restart.GAP: 1}


def test_copies_of_a_frame_do_not_hide_the_frame_before(memory: FrameMemory) -> None:
    first, second = rainy(0), rainy(1)
    memory.previous(first)
    assert memory.previous(second) is first
    assert memory.previous(second.copy()) is first
    assert memory.previous(rainy(2)) is not first


def test_a_stream_derains_each_frame_with_the_one_before(darker: Derainer) -> None:
    frames = [rainy(number) for number in range(3)]
    with darker.stream() as stream:
        made = [stream(frame) for frame in frames]
    np.testing.assert_array_equal(made[0], frames[0])
    np.testing.assert_array_equal(made[1], np.minimum(frames[0], frames[1]))
    np.testing.assert_array_equal(made[2], np.minimum(frames[1], frames[2]))


def test_a_caller_may_draw_on_a_frame_after_it_is_derained(darker: Derainer) -> None:
    frame = rainy(0)
    with darker.stream() as stream:
        stream(frame)
        frame[:] = 0
        np.testing.assert_array_equal(stream(rainy(1)), np.minimum(rainy(0), rainy(1)))


def test_streams_share_a_derainer_and_remember_their_own_frames(darker: Derainer) -> None:
    with darker.stream() as one, darker.stream() as two:
        for number in range(3):
            first, second = rainy(number), rainy(number, scene(7))
            made = one(first), two(second)
        assert one.restarts == two.restarts == dict.fromkeys(("cut", "size", "outage", "gap"), 0)
    np.testing.assert_array_equal(made[0], np.minimum(rainy(1), rainy(2)))
    np.testing.assert_array_equal(made[1], np.minimum(rainy(1, scene(7)), rainy(2, scene(7))))


def test_a_stream_says_why_it_has_started_anew(darker: Derainer) -> None:
    stream = darker.stream()
    stream(rainy(0), 0.0)
    np.testing.assert_array_equal(stream(rainy(1, scene(7)), 0.04), rainy(1, scene(7)))
    np.testing.assert_array_equal(stream(rainy(2, scene(7)), 9.0), rainy(2, scene(7)))
    assert stream.restarts == {"cut": 1, "size": 0, "outage": 0, "gap": 1}


def test_a_closed_stream_begins_another_sequence(darker: Derainer) -> None:
    stream = darker.stream()
    stream(rainy(0))
    stream.close()
    np.testing.assert_array_equal(stream(rainy(1)), rainy(1))
    assert not any(stream.restarts.values())


def test_a_stream_refuses_what_is_not_an_image(darker: Derainer) -> None:
    with darker.stream() as stream, pytest.raises(InputError, match="expected an image uint8"):
        stream(np.zeros((48, 64), np.uint8))


def test_a_model_for_single_images_derains_each_frame_by_itself(derainer: Derainer) -> None:
    with derainer.stream() as stream:
        for number in range(2):
            np.testing.assert_array_equal(stream(rainy(number)), derainer(rainy(number)))
