"""Connections of viewers, with limits to their number and their slowness."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from spikerain_edge.serving.rates import RateLimit

MOST_CONNECTIONS = 64
"""Connections at a time; further ones are closed at once."""
MOST_OF_ONE_ADDRESS = 24
"""Connections at a time from one other machine."""
# Seconds that a client has to send the head of a request, or to take what was sent to it.
_PATIENCE = 10.0
# New connections that are taken at once, and in a second; others wait in the system's queue.
_BURST, _PER_SECOND = 150, 30
# Seconds after which to go on where the system has no connection to give.
_PAUSE = 0.05


async def accept(listening: socket.socket, server: uvicorn.Server) -> None:
    """Takes connections for a server, at a bounded rate, until it is cancelled."""
    loop = asyncio.get_running_loop()
    pace = RateLimit(_BURST, _PER_SECOND, loop.time)

    def connected() -> BoundedConnection:
        return BoundedConnection(server.config, server.server_state, {})

    while True:
        if not pace.take(""):
            await asyncio.sleep(_PAUSE)
            continue
        try:
            connection, _ = await loop.sock_accept(listening)
            await loop.connect_accepted_socket(connected, connection)
        except OSError:
            # The client has left, or no file descriptor is free.
            await asyncio.sleep(_PAUSE)


class BoundedConnection(H11Protocol):
    """A connection that is closed when its client is too slow, or when there are too many."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accepts a client, unless there are too many."""
        super().connection_made(transport)
        if self._too_many():
            transport.abort()
            return
        self._limit("request", transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets the client."""
        for name in tuple(self._timers):
            self._relax(name)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Takes a part of a request; its head must be complete in time."""
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            self._limit("request", self.transport.abort)
        else:
            self._relax("request")

    def pause_writing(self) -> None:
        """The client does not take what was sent: it has a while to do so."""
        super().pause_writing()
        self._limit("response", self.transport.abort)

    def resume_writing(self) -> None:
        """The client has taken enough."""
        super().resume_writing()
        self._relax("response")

    def _too_many(self) -> bool:
        if len(self.connections) > MOST_CONNECTIONS:
            return True
        host = self.client[0] if self.client else ""
        if host in ("127.0.0.1", "::1", ""):
            return False
        others: list[Any] = [one for one in self.connections if one is not self]
        same = [one for one in others if one.client and one.client[0] == host]
        return len(same) >= MOST_OF_ONE_ADDRESS

    def _limit(self, name: str, end: Callable[[], None]) -> None:
        if name not in self._timers and not self.transport.is_closing():
            self._timers[name] = self.loop.call_later(_PATIENCE, end)

    def _relax(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()
