"""Processor time of one task among those of an event loop."""

from __future__ import annotations

import asyncio
import time
import types
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from typing import Any, TypeVar

_Result = TypeVar("_Result")


@types.coroutine
def metered(
    work: Coroutine[Any, Any, _Result],
    spend: Callable[[float], None],
    clock: Callable[[], float] = time.thread_time,
) -> Generator[Any, None, _Result]:
    """Awaits a coroutine and counts the time of its own steps, not of tasks that run in between.

    Args:
        work: the coroutine.
        spend: takes the time of each step, in seconds.
        clock: returns the processor time of the thread, in seconds.

    Returns:
        What the coroutine returns.
    """
    step: Callable[[], Any] = partial(work.send, None)
    try:
        while True:
            began = clock()
            try:
                awaited = step()
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            finally:
                spend(clock() - began)
            try:
                yield awaited
                step = partial(work.send, None)
            except asyncio.CancelledError as error:
                # The coroutine ends in its own way.
                step = partial(work.throw, error)
    finally:
        work.close()
