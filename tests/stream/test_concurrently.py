"""Streams side by side: what ends one of them, and what ends all."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from spikerain_edge.errors import InputError, ModelError, StreamError
from spikerain_edge.stream.concurrently import call_all, run_all
from spikerain_edge.stream.processing import FunctionLostError


class Stream:
    """Does something, or runs until it is told to stop."""

    def __init__(self, label: str, does: Callable[[], None] | None = None) -> None:
        self.label = label
        self.stopped = threading.Event()
        self._does = does

    def run(self) -> None:
        if self._does is not None:
            self._does()
        else:
            assert self.stopped.wait(60)

    def stop(self) -> None:
        self.stopped.set()


def failing(error: BaseException) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


def test_a_stream_that_fails_does_not_end_the_others(caplog: pytest.LogCaptureFixture) -> None:
    told = threading.Event()

    def goes_on() -> None:
        while "gate has ended: gate is full; make room" not in caplog.text:
            assert not told.wait(0.01)

    streams = [Stream("gate", failing(StreamError("gate is full", "make room")))]
    streams += [Stream("yard", goes_on), Stream("road", goes_on)]
    with pytest.raises(StreamError, match="gate is full"):
        run_all(streams)
    assert not any(stream.stopped.is_set() for stream in streams)


@pytest.mark.parametrize(
    "error", [ModelError("no GPU", ""), FunctionLostError("GPU lost", ""), RuntimeError("a bug")]
)
def test_what_all_streams_share_ends_all(error: Exception) -> None:
    streams = [Stream("gate", failing(error)), Stream("yard")]
    with pytest.raises(type(error), match=str(error)):
        run_all(streams)
    assert streams[1].stopped.is_set()


def test_the_first_failure_names_the_others() -> None:
    first = threading.Event()

    def later() -> None:
        assert first.wait(60)
        raise InputError("yard is too small", "")

    def sooner() -> None:
        first.set()
        raise StreamError("gate is full", "make room")

    with pytest.raises((StreamError, InputError)) as raised:
        run_all([Stream("gate", sooner), Stream("yard", later)])
    assert "gate is full" in raised.value.cause
    assert "yard is too small" in raised.value.cause


def test_functions_are_called_at_once() -> None:
    together = threading.Barrier(3, timeout=60)
    call_all([lambda: together.wait() and None for _ in range(3)])


def test_every_function_that_fails_is_named() -> None:
    done = threading.Event()
    functions = [failing(StreamError("a", "")), done.set, failing(StreamError("b", ""))]
    with pytest.raises(StreamError, match="a; also: b"):
        call_all(functions)
    assert done.is_set()
