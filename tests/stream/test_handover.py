from __future__ import annotations

import threading

import pytest

from spikerain_edge.stream.handover import Drop, Handover


def in_background(work: threading.Thread) -> threading.Thread:
    work.start()
    return work


def test_hands_out_in_order_and_waits_when_full() -> None:
    handover: Handover[int] = Handover(2)

    def fill() -> None:
        for number in range(200):
            assert handover.put(number)
        handover.close()

    filling = in_background(threading.Thread(target=fill))

    assert list(handover) == list(range(200))
    assert handover.dropped == 0
    filling.join()


def test_makes_room_by_dropping_the_oldest_and_counts() -> None:
    handover: Handover[int] = Handover(3, drop=Drop.OLDEST)

    for number in range(10):
        assert handover.put(number)
    handover.close()

    assert list(handover) == [7, 8, 9]
    assert handover.dropped == 7


def test_may_drop_the_latest_instead() -> None:
    told: list[int] = []
    handover: Handover[int] = Handover(3, drop=Drop.LATEST, dropped=told.append)

    for number in range(10):
        assert handover.put(number)
    handover.close()

    assert list(handover) == [0, 1, 2]
    assert handover.dropped == 7
    assert told == [3, 4, 5, 6, 7, 8, 9]


def test_what_is_too_old_gives_way_to_what_is_newer_but_not_to_nothing() -> None:
    handover: Handover[int] = Handover(4, drop=Drop.OLDEST, stale=lambda number: number != 2)
    for number in range(4):
        handover.put(number)
    handover.close()

    assert list(handover) == [2, 3]
    assert handover.dropped == 2


def test_drops_nothing_while_there_is_room() -> None:
    handover: Handover[int] = Handover(3, drop=Drop.OLDEST)
    for number in range(3):
        handover.put(number)
    assert handover.dropped == 0


def test_closing_wakes_who_waits_to_hand_over() -> None:
    handover: Handover[int] = Handover(1)
    handover.put(0)
    taken: list[bool] = []
    putting = in_background(threading.Thread(target=lambda: taken.append(handover.put(1))))

    handover.close()
    putting.join()

    assert taken == [False]
    assert list(handover) == [0]


def test_closing_wakes_who_waits_to_take() -> None:
    handover: Handover[int] = Handover(1)
    taken: list[list[int]] = []
    taking = in_background(threading.Thread(target=lambda: taken.append(list(handover))))

    handover.close()
    taking.join()

    assert taken == [[]]


@pytest.mark.parametrize("drop", Drop)
def test_what_is_held_at_the_end_is_not_lost(drop: Drop) -> None:
    handover: Handover[int] = Handover(2, drop=drop)
    handover.put(0)
    handover.put(1)

    handover.close()

    assert handover.put(2) is False
    assert list(handover) == [0, 1]
    assert handover.dropped == 0


def test_an_error_comes_after_the_items() -> None:
    handover: Handover[int] = Handover(4)
    failure = OSError("unplugged")
    handover.put(0)
    handover.put(1)
    handover.close(failure)
    items = iter(handover)

    assert [next(items), next(items)] == [0, 1]
    with pytest.raises(OSError, match="unplugged") as raised:
        next(items)
    assert raised.value is failure


def test_the_first_end_counts() -> None:
    handover: Handover[int] = Handover(1)
    handover.close()
    handover.close(OSError("too late"))
    assert list(handover) == []
