"""How much a client may ask for."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

_CLIENTS_KEPT = 1024


class Bucket:
    """A bucket of tokens that is refilled all the time.

    Args:
        burst: tokens that it holds.
        per_second: tokens that come back in a second.
        clock: returns a time in seconds.
    """

    def __init__(
        self, burst: float, per_second: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._burst = burst
        self._per_second = per_second
        self._clock = clock
        self._left = burst
        self._since = clock()

    def take(self) -> bool:
        """Takes one token; False if there is none."""
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._since) * self._per_second)
        self._since = now
        if self._left < 1:
            return False
        self._left -= 1
        return True

    @property
    def wait(self) -> float:
        """Seconds until there is a token."""
        left = self._left + (self._clock() - self._since) * self._per_second
        return max(0.0, (1 - left) / self._per_second)


class RateLimit:
    """One bucket for each client; that of the client that asked longest ago is forgotten.

    Args:
        burst: requests that a bucket holds.
        per_second: requests that come back in a second.
        clock: returns a time in seconds.
    """

    def __init__(
        self, burst: float, per_second: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._burst = burst
        self._per_second = per_second
        self._clock = clock
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, client: str) -> bool:
        """Takes one request out of the client's bucket; False if it is empty."""
        bucket = self._buckets.pop(client, None)
        if bucket is None:
            bucket = Bucket(self._burst, self._per_second, self._clock)
        self._buckets[client] = bucket
        if len(self._buckets) > _CLIENTS_KEPT:
            self._buckets.popitem(last=False)
        return bucket.take()
