"""How often pictures are encoded: so rarely that viewers take a small share of the processor."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

SHARE = 0.01
"""Share of each core that pictures may take, together for all cameras and viewers."""
LONGEST = 2.0
"""Seconds of the longest rest after one picture."""


class Pace:
    """Makes pictures wait until those before have been paid for.

    A picture that took `c` seconds of processor time is followed by a rest of `c / share` seconds,
    so pictures take at most this share of the time, and one picture. The rest after one picture is
    never longer than `LONGEST`, so viewers of pictures that cost more than `share * LONGEST` still
    see them. The rests of several cameras add up.

    Args:
        share: processor time that pictures may take, in seconds per second.
        clock: returns a time in seconds.
    """

    def __init__(
        self,
        share: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._share = share
        self._clock = clock
        self._sending = 0.0
        self._free = 0.0

    @property
    def wait(self) -> float:
        """Seconds until the next picture may be encoded."""
        return max(0.0, self._free - self._clock())

    def spend(self, seconds: float) -> None:
        """Counts processor time of a picture, in seconds."""
        self._free = max(self._free, self._clock()) + min(seconds / self._share, LONGEST)

    def count_sending(self, seconds: float) -> None:
        """Counts processor time of sending a picture to a viewer, in seconds."""
        self._sending += seconds

    def spend_sending(self) -> None:
        """Spends what was counted for sending since the picture before."""
        sending, self._sending = self._sending, 0.0
        self.spend(sending)

    async def rest(self) -> None:
        """Waits until the next picture may be encoded."""
        while (wait := self.wait) > 0:
            await asyncio.sleep(wait)
