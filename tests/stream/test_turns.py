from __future__ import annotations

import threading
from contextlib import suppress

import pytest

from spikerain_edge.stream.turns import Turns


def test_one_at_a_time_and_nobody_twice_while_another_waits() -> None:
    turns, order, inside = Turns(), "", 0
    together = threading.Barrier(3)

    def ask(name: str) -> None:
        nonlocal order, inside
        together.wait()
        for _ in range(200):
            with turns:
                inside += 1
                assert inside == 1
                order += name
                inside -= 1

    askers = [threading.Thread(target=ask, args=(name,)) for name in "abc"]
    with turns:
        for asker in askers:
            asker.start()
    for asker in askers:
        asker.join(60)

    assert sorted(order) == sorted("abc" * 200)


def test_whoever_waits_longest_is_next() -> None:
    turns, order = Turns(), []
    entered = threading.Event()

    def ask(name: int) -> None:
        entered.set()
        with turns:
            order.append(name)

    askers = []
    with turns:
        for name in range(5):
            entered.clear()
            askers.append(threading.Thread(target=ask, args=(name,)))
            askers[-1].start()
            assert entered.wait(60)
            while len(turns) < name + 2:
                threading.Event().wait(0.001)
    for asker in askers:
        asker.join(60)

    assert order == list(range(5))


def test_an_error_ends_a_turn() -> None:
    turns = Turns()
    for _ in range(2):
        with pytest.raises(OSError, match="gone"), turns:
            raise OSError("gone")
    with suppress(OSError), turns:
        pass
    assert len(turns) == 0
