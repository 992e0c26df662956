"""Signals of a run: the first asks for its end, a second one kills."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress

import pytest
from terminal import default_signals

from spikerain_edge.commands.signals import Signals

STUBBORN = """
import time
from spikerain_edge.commands.signals import Signals
signals = Signals()
with signals.handled():
    signals.begun(lambda: print("asked", flush=True), lambda: print("cut", flush=True))
    print("begun", flush=True)
    while True:
        time.sleep(0.05)
"""
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def test_a_signal_is_not_lost_where_a_library_catches_every_exception() -> None:
    signals, asked = Signals(), []
    with signals.handled():
        with suppress(Exception):
            signal.raise_signal(signal.SIGTERM)
        signals.begun(lambda: asked.append("end"), lambda: None)
    assert asked == ["end"]
    assert signals.received == signal.SIGTERM


def test_a_signal_that_another_thread_receives_does_not_wait_for_the_main_thread() -> None:
    signals, ended = Signals(), threading.Lock()

    def receive() -> None:
        time.sleep(0.5)
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

    ended.acquire()
    # The system hands a signal to any thread; this one ends the wait below if nothing else does.
    late = threading.Timer(60, ended.release)
    with signals.handled():
        signals.begun(ended.release, lambda: None)
        for thread in (threading.Thread(target=receive), late):
            thread.start()
        ended.acquire()
        in_time = late.is_alive()
        late.cancel()
    assert in_time
    assert signals.received == signal.SIGTERM


@pytest.mark.parametrize(("first", "second"), [*itertools.product(ENDING, ENDING)])
def test_a_second_signal_kills_what_does_not_end(
    first: signal.Signals, second: signal.Signals
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STUBBORN],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        preexec_fn=default_signals,
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "begun\n"
        program.send_signal(signal.SIGUSR1)
        assert program.stdout.readline() == "cut\n"
        program.send_signal(first)
        assert program.stdout.readline() == "asked\n"
        program.send_signal(second)
        assert program.wait(30) == -second
