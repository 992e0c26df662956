"""The door of the live page: who gets in, and who is turned away before anything is parsed."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections import Counter
from contextlib import suppress
from http import HTTPStatus

import uvicorn

from spikerain_edge.serving.connections import BoundedConnection
from spikerain_edge.serving.rates import Bucket, RateLimit
from spikerain_edge.serving.turns import Turns

MOST_CONNECTIONS = 64
"""Connections at a time. For a further one, the one that has been silent longest is closed."""
MOST_OF_ONE_ADDRESS = 24
"""Connections at a time from one other machine."""
# New connections that are looked at, at once and in a second; others wait in the system's queue.
_BURST, _PER_SECOND = 50, 100
# The same of one other machine; others are turned away.
_BURST_OF_ONE, _PER_SECOND_OF_ONE = 60, 10
# Seconds before a refused client gets its answer: with a fast answer it tries again at once.
_WAIT = 1.0
# A connection that is silent for so many seconds may be closed to make room for another one.
_SILENT = 1.0
# Seconds after which to go on where there were too many new connections, or none to be had.
_PAUSE = 0.1
_REFUSED = "too many connections; close other pages of this run, then load this page again\n"
# Bytes of a request that are thrown away.
_UNREAD = 1 << 16
_LOOPBACK = "loopback"
_IPV6_NETWORK = 64


class Door:
    """Lets clients in, in turn, as long as there are not too many.

    Args:
        server: serves those who are in.
        turns: where newcomers wait.
    """

    def __init__(self, server: uvicorn.Server, turns: Turns) -> None:
        self._server = server
        self._turns = turns
        self._loop = asyncio.get_running_loop()
        self._newcomers = RateLimit(_BURST_OF_ONE, _PER_SECOND_OF_ONE, self._loop.time)
        self._arriving: dict[asyncio.Task[None], BoundedConnection] = {}
        self._refused: set[socket.socket] = set()

    async def open(self, listening: socket.socket) -> None:
        """Takes connections until it is cancelled."""
        pace = Bucket(_BURST, _PER_SECOND, self._loop.time)
        try:
            while True:
                if not pace.take():
                    await asyncio.sleep(max(pace.wait, _PAUSE))
                    continue
                try:
                    connection, (host, *_) = await self._loop.sock_accept(listening)
                except OSError:
                    # The client has left, or no file descriptor is free.
                    await asyncio.sleep(_PAUSE)
                else:
                    self._answer(connection, network(host))
        finally:
            for task in self._arriving:
                task.cancel()
            for connection in self._refused:
                connection.close()

    def _answer(self, connection: socket.socket, peer: str) -> None:
        refusal = self._refusal(peer)
        if refusal is not None:
            self._refused.add(connection)
            self._loop.call_later(_WAIT, self._turn_away, connection, refusal)
            return

        def end(task: asyncio.Task[None]) -> None:
            self._arriving.pop(task, None)
            if task.cancelled():
                connection.close()

        viewer = self._connection(peer)
        task = self._loop.create_task(self._let_in(connection, viewer))
        self._arriving[task] = viewer
        task.add_done_callback(end)

    def _refusal(self, peer: str) -> HTTPStatus | None:
        """Why an address gets no connection now; makes room for it if it may have one."""
        # For a moment a viewer is both arriving and connected.
        held = Counter(one.peer for one in self._connections.union(self._arriving.values()))
        if peer != _LOOPBACK and (
            held[peer] >= MOST_OF_ONE_ADDRESS or not self._newcomers.take(peer)
        ):
            return HTTPStatus.TOO_MANY_REQUESTS
        if held.total() >= MOST_CONNECTIONS and not self._make_room(peer, held):
            return HTTPStatus.SERVICE_UNAVAILABLE
        return None

    def _make_room(self, peer: str, held: Counter[str]) -> bool:
        """Closes a connection that is silent, or one of the address that has most."""
        silent = max(self._connections, key=lambda one: one.idle, default=None)
        if silent is not None and silent.idle >= _SILENT:
            self._close(silent)
            return True
        greedy, most = held.most_common(1)[0]
        if most <= held[peer] + 1:
            return False
        arriving = next((task for task, one in self._arriving.items() if one.peer == greedy), None)
        if arriving is not None:
            del self._arriving[arriving]
            arriving.cancel()
            return True
        held_by_it = (one for one in self._connections if one.peer == greedy)
        waiting = next((one for one in held_by_it if not one.busy), None)
        if waiting is not None:
            self._close(waiting)
        return waiting is not None

    def _close(self, connection: BoundedConnection) -> None:
        self._connections.discard(connection)
        connection.transport.abort()

    def _turn_away(self, connection: socket.socket, status: HTTPStatus) -> None:
        """Answers a client whose request is not read, and closes its connection."""
        self._refused.discard(connection)
        head = f"HTTP/1.1 {status.value} {status.phrase}\r\nRetry-After: 1\r\nConnection: close\r\n"
        body = f"Content-Type: text/plain\r\nContent-Length: {len(_REFUSED)}\r\n\r\n{_REFUSED}"
        with connection, suppress(OSError):
            connection.send(f"{head}{body}".encode())
            # With bytes that were not read, closing resets the connection: the answer may be lost.
            connection.recv(_UNREAD)

    async def _let_in(self, connection: socket.socket, viewer: BoundedConnection) -> None:
        """Waits for a client's turn, and gives it to the server."""
        came = asyncio.Event()
        turn = self._turns.enter(viewer.peer, came.set)
        try:
            await came.wait()
            await self._loop.connect_accepted_socket(lambda: viewer, connection)
        except OSError:
            connection.close()
        finally:
            turn.given_up = True

    def _connection(self, peer: str) -> BoundedConnection:
        server = self._server
        return BoundedConnection(
            server.config, server.server_state, {}, peer=peer, turns=self._turns
        )

    @property
    def _connections(self) -> set[BoundedConnection]:
        return self._server.server_state.connections  # type: ignore[return-value]


def network(host: str) -> str:
    """Whom an address counts as: itself, the network of 64 bits of IPv6, or this machine."""
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            if address.is_loopback:
                return _LOOPBACK
            return str(ipaddress.ip_network((address, _IPV6_NETWORK), strict=False))
        address = address.ipv4_mapped
    return _LOOPBACK if address.is_loopback else str(address)
