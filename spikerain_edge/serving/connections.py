"""Connections of viewers, whose requests take turns and whose slowness has limits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from h11 import LocalProtocolError
from uvicorn.protocols.http.h11_impl import H11Protocol

from spikerain_edge.serving.turns import Turn, Turns

# Seconds that a client has to send the head of a request, or to take what was sent to it.
_PATIENCE = 10.0
# Bytes that are read for one turn.
_PART = 4096


class BoundedConnection(H11Protocol, asyncio.BufferedProtocol):
    """A connection that reads a part or begins a request when it is its turn.

    While it waits it reads nothing, so that its client has to wait too. It is closed when its
    client is too slow.

    Args:
        peer: address of the client.
        turns: where it waits for its turn.
    """

    def __init__(self, *args: Any, peer: str, turns: Turns, **options: Any) -> None:
        super().__init__(*args, **options)
        self.peer = peer
        self._turns = turns
        self._turn: Turn | None = None
        self._part = bytearray(_PART)
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._since = self.loop.time()

    @property
    def idle(self) -> float:
        """Seconds since its latest answer or its beginning; 0 while it waits or is answered."""
        waits = self._turn is not None or self.busy
        return 0.0 if waits else self.loop.time() - self._since

    @property
    def busy(self) -> bool:
        """Whether a request of it is being answered."""
        return self.cycle is not None and not self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accepts a client."""
        super().connection_made(transport)
        self._since = self.loop.time()
        self._limit("request", transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets the client."""
        for name in tuple(self._timers):
            self._relax(name)
        if self._turn is not None:
            self._turn.given_up = True
        super().connection_lost(exc)

    def get_buffer(self, sizehint: int) -> bytearray:
        """Where the next part of a request is read to."""
        return self._part

    def buffer_updated(self, nbytes: int) -> None:
        """Takes a part of a request; its head must be complete in time."""
        self._limit("request", self.transport.abort)
        self.data_received(bytes(self._part[:nbytes]))

    def handle_events(self) -> None:
        """Parses what was read, when it is its turn; begins one request at most."""
        if self._turn is not None:
            self.transport.pause_reading()
        elif self.conn.trailing_data[0]:
            turn = self._turns.enter(self.peer, self._parse)
            if not turn.came:
                self._turn = turn
                self.transport.pause_reading()

    def on_response_complete(self) -> None:
        """Goes on to the next request of the client."""
        self._since = self.loop.time()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """The client does not take what was sent: it has a while to do so."""
        super().pause_writing()
        self._limit("response", self.transport.abort)

    def resume_writing(self) -> None:
        """The client has taken enough."""
        super().resume_writing()
        self._relax("response")

    def _parse(self) -> None:
        self._turn = None
        try:
            super().handle_events()
        except LocalProtocolError:
            # The request is broken, but its answer has begun: it cannot be answered with 400.
            self.transport.abort()
            return
        if self.busy:
            self._relax("request")
        if not self.flow.read_paused:
            self.transport.resume_reading()

    def _limit(self, name: str, end: Callable[[], None]) -> None:
        if name not in self._timers and not self.transport.is_closing():
            self._timers[name] = self.loop.call_later(_PATIENCE, end)

    def _relax(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()
