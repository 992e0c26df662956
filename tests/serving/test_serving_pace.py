"""What viewers may cost the run: shares of processor time, counted on clocks of the test."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from serving_parts import Clock, FakeRun, Served, grey

from spikerain_edge.serving import pictures
from spikerain_edge.serving.feed import Feed
from spikerain_edge.serving.metering import metered
from spikerain_edge.serving.pace import LONGEST, Pace
from spikerain_edge.serving.pictures import Pictures
from spikerain_edge.serving.status import Status

MILLISECONDS = st.floats(0.01, 30.0)


@given(
    costs=st.lists(st.tuples(MILLISECONDS, MILLISECONDS, MILLISECONDS), min_size=2, max_size=60),
    share=st.sampled_from((0.02, 0.04, 0.16)),
    cameras=st.integers(1, 3),
)
def test_pictures_take_no_more_than_their_share(
    costs: list[tuple[float, float, float]], share: float, cameras: int
) -> None:
    clock, spent = Clock(), 0.0
    pace = Pace(share, clock)
    began = clock.now
    for encode, send, late in costs:
        clock.now += pace.wait + late / 1e3
        # All that was spent before this picture has been waited for.
        assert spent <= share * (clock.now - began) + 1e-9
        for _ in range(cameras):
            spent += (encode + send) / 1e3
            pace.count_sending(send / 1e3)
            clock.now += encode / 1e3
            pace.spend(encode / 1e3)
            pace.spend_sending()


def test_pictures_that_cost_too_much_still_come() -> None:
    clock = Clock()
    pace = Pace(0.02, clock)
    pace.spend(100.0)
    assert pace.wait == LONGEST
    clock.now += LONGEST
    assert pace.wait == 0.0


def test_a_summary_that_takes_long_is_made_seldom() -> None:
    clock, spent = Clock(), Clock()

    class LongRun(FakeRun):
        def summary(self) -> dict[str, Any]:
            spent.now += 0.06
            return {"made": spent.now}

    status = Status([Feed("gate")], 10.0, clock=clock, share=0.02, meter=spent)
    status.run = LongRun()
    first = status.summary()
    clock.now += 2.9
    assert status.summary() == first
    clock.now += 0.2
    assert status.summary() != first


def test_only_the_steps_of_a_task_are_metered() -> None:
    clock, spent = Clock(), []

    async def work(seconds: float) -> str:
        clock.now += seconds
        await asyncio.sleep(0)
        clock.now += seconds
        return "done"

    async def both() -> list[str]:
        mine = metered(work(1.0), spent.append, clock)
        return list(await asyncio.gather(asyncio.create_task(as_task(mine)), work(50.0)))

    async def as_task(awaited: Awaitable[str]) -> str:
        return await awaited

    assert asyncio.run(both()) == ["done", "done"]
    assert spent == [1.0, 1.0]


def test_a_metered_task_can_be_cancelled() -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(1e6)
        finally:
            await asyncio.sleep(0)
            ended.append("in order")

    async def cancelled() -> None:
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(metered(work(), lambda seconds: None), 0.01)

    asyncio.run(cancelled())
    assert ended == ["in order"]


class HeldPace(Pace):
    """Lets the first picture pass, and further ones when the test says so."""

    def __init__(self) -> None:
        super().__init__(0.02)
        self.spent: list[float] = []
        self.resting, self.rested = asyncio.Event(), asyncio.Event()

    def spend(self, seconds: float) -> None:
        self.spent.append(seconds)

    async def rest(self) -> None:
        if self.spent:
            self.resting.set()
            await self.rested.wait()


def test_no_picture_is_encoded_before_the_one_before_is_paid_for(monkeypatch) -> None:
    encoded: list[int] = []
    real = pictures.jpeg

    def counting(image: np.ndarray, quality: int, longest: int | None = None) -> bytes:
        encoded.append(int(image[0, 0, 0]))
        return real(image, quality, longest)

    monkeypatch.setattr(pictures, "jpeg", counting)

    async def watch() -> None:
        feed, pace = Feed("gate"), HeldPace()
        encoder = Pictures(feed, pace)
        stream = encoder.stream(("before", "after"))
        feed.show(grey(1), grey(2))
        assert (await asyncio.wait_for(anext(stream), 60)).number == 1
        for shade in (3, 5, 7):
            feed.show(grey(shade), grey(shade + 1))
        await asyncio.wait_for(pace.resting.wait(), 60)
        assert encoded == [1, 2]
        pace.rested.set()
        assert (await asyncio.wait_for(anext(stream), 60)).number == 4
        assert encoded == [1, 2, 7, 8]
        assert all(seconds >= 0 for seconds in pace.spent)
        await encoder.close()
        with suppress(StopAsyncIteration):
            await anext(stream)

    asyncio.run(watch())


def test_the_threads_of_the_page_give_way_to_the_run(served: Served) -> None:
    served.show()
    assert served.get("/snapshot.jpg").status == 200
    own = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    nice = {
        thread.name: os.getpriority(os.PRIO_PROCESS, thread.native_id)
        for thread in threading.enumerate()
        if thread.native_id is not None and thread.name.startswith(("live page", "jpeg"))
    }
    assert len(nice) >= 2
    assert all(value > own or value == 19 for value in nice.values()), nice
