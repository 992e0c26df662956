"""Turns at the work that clients cause: a bounded number in a second, address by address."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from spikerain_edge.serving.rates import Bucket

BURST, PER_SECOND = 40, 20
"""Turns that are taken at once, and in a second, by all clients together."""
# Seconds between two rounds of turns: several turns together disturb the run less.
_PAUSE = 0.2


class Turn:
    """A place in the queue.

    Attributes:
        came: whether it was this client's turn.
        given_up: whether nobody waits for it any more.
    """

    def __init__(self, go: Callable[[], None]) -> None:
        self.came = False
        self.given_up = False
        self._go = go

    def come(self) -> None:
        """Does the work of the turn."""
        self.came = True
        self._go()


class Turns:
    """Lets clients work one by one, so that a flood of requests costs the run little.

    The addresses that wait take turns. So a client of another address than those of a flood gets
    in soon, however many requests wait there.

    Args:
        bucket: the turns that there are.
        later: calls a function after some seconds, as `call_later` of an event loop does.
    """

    def __init__(
        self, bucket: Bucket, later: Callable[[float, Callable[[], None]], object]
    ) -> None:
        self._bucket = bucket
        self._later = later
        self._waiting: dict[str, deque[Turn]] = {}
        self._called = False

    def enter(self, peer: str, go: Callable[[], None]) -> Turn:
        """Calls `go` when it is the turn of this address: at once if nobody waits.

        Args:
            peer: the address.
            go: does the work of one turn.
        """
        turn = Turn(go)
        if not self._waiting and self._bucket.take():
            turn.come()
        else:
            self._waiting.setdefault(peer, deque()).append(turn)
            self._call()
        return turn

    def _call(self) -> None:
        if not self._called:
            self._called = True
            self._later(max(self._bucket.wait, _PAUSE), self._admit)

    def _admit(self) -> None:
        """Gives the free turns to those who wait."""
        self._called = False
        try:
            while (found := self._first()) is not None and self._bucket.take():
                peer, queue = found
                turn = queue.popleft()
                # The other addresses are next.
                del self._waiting[peer]
                if queue:
                    self._waiting[peer] = queue
                turn.come()
        finally:
            # Also after work that failed: the others still get their turns.
            if self._waiting:
                self._call()

    def _first(self) -> tuple[str, deque[Turn]] | None:
        """The address that is next; whatever was given up before is removed."""
        for peer in tuple(self._waiting):
            queue = self._waiting[peer]
            while queue and queue[0].given_up:
                queue.popleft()
            if queue:
                return peer, queue
            del self._waiting[peer]
        return None
