"""Trying again: how long to wait."""

from __future__ import annotations

import random
import threading

from spikerain_edge.errors import InputError, StreamError

# Longest wait for a camera that does not answer, and for one that refuses, in seconds.
_ABSENT = 4.0
_REFUSED = 30.0
# Part of a wait that is drawn by lot: many programs must not ask a server at the same moment.
_JITTER = 0.25


class RefusedError(StreamError):
    """The server answers, but does not give the stream: to ask at once again would not help."""


class Retries:
    """Waits between attempts: 1, 2 and 4 seconds, up to 30 for a server that refuses.

    A camera that does not answer is asked at least every four seconds, so that it is found soon
    after it is back.

    Args:
        ended: ends a wait.
    """

    def __init__(self, ended: threading.Event) -> None:
        self._ended = ended
        self._waits = 0

    def reset(self) -> None:
        """The camera sends frames again."""
        self._waits = 0

    def wait(self, loss: StreamError | InputError) -> bool:
        """Waits before the next attempt; false when there is to be none.

        Args:
            loss: what the latest attempt ended with.
        """
        longest = _REFUSED if isinstance(loss, (RefusedError, InputError)) else _ABSENT
        seconds = min(longest, 2.0 ** min(self._waits, 10))
        self._waits += 1
        return not self._ended.wait(seconds * random.uniform(1 - _JITTER, 1))  # noqa: S311
