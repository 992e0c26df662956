"""How much of the processor a flood may take: turns, counted on a clock of the test."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from serving_parts import Clock

from spikerain_edge.serving.connections import BoundedConnection
from spikerain_edge.serving.rates import Bucket
from spikerain_edge.serving.turns import Turns

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
PEERS = st.sampled_from(("one", "two", "three"))


class Queue:
    """Turns on a clock that a test sets."""

    def __init__(self, burst: float = 5, per_second: float = 2) -> None:
        self.clock = Clock()
        self._calls: list[tuple[float, Callable[[], None]]] = []
        self.turns = Turns(Bucket(burst, per_second, self.clock), self._later)
        self.came: Counter[str] = Counter()

    def enter(self, peer: str) -> Any:
        return self.turns.enter(peer, lambda: self.came.update([peer]))

    def wait(self, seconds: float) -> None:
        """Lets time pass, and the calls come that are due until then."""
        end = self.clock.now + seconds
        while due := [call for call in self._calls if call[0] <= end]:
            call = min(due, key=lambda call: call[0])
            self._calls.remove(call)
            # An event loop is never early, and a little late.
            self.clock.now = max(self.clock.now, call[0]) + 1e-9
            call[1]()
        self.clock.now = max(self.clock.now, end)

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        self._calls.append((self.clock.now + seconds, call))


@given(steps=st.lists(st.tuples(PEERS, st.integers(0, 30), st.floats(0, 3)), max_size=30))
def test_no_more_turns_come_than_the_bucket_has(steps: list[tuple[str, int, float]]) -> None:
    queue, entered = Queue(), 0
    began = queue.clock.now
    for peer, number, pause in steps:
        for _ in range(number):
            queue.enter(peer)
        entered += number
        queue.wait(pause)
        assert queue.came.total() <= 5 + 2 * (queue.clock.now - began) + 1e-6
    # Nobody is forgotten.
    queue.wait(entered)
    assert queue.came.total() == entered


def test_work_that_fails_costs_nobody_else_a_turn() -> None:
    def fail() -> None:
        raise RuntimeError("broken")

    queue = Queue(burst=1)
    queue.enter("first")
    queue.turns.enter("broken", fail)
    queue.enter("other")
    with pytest.raises(RuntimeError, match="broken"):
        queue.wait(1)
    queue.wait(2)
    assert queue.came == {"first": 1, "other": 1}


def test_a_flood_does_not_shut_out_other_addresses() -> None:
    queue = Queue()
    for _ in range(500):
        queue.enter("flood")
    for _ in range(3):
        queue.enter("viewer")
    queue.wait(3.1)
    assert queue.came["viewer"] == 3


def test_turns_that_are_given_up_cost_nothing() -> None:
    queue = Queue()
    turns = [queue.enter("flood") for _ in range(500)]
    for turn in turns:
        turn.given_up = True
    queue.enter("viewer")
    queue.wait(0.6)
    assert queue.came == {"flood": 5, "viewer": 1}


class Server:
    """A connection of a server that answers every request with nothing, and counts them."""

    def __init__(self, queue: Queue) -> None:
        self.requests = 0
        self._queue = queue
        self._config = uvicorn.Config(
            self._app,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            h11_max_incomplete_event_size=8192,
        )
        self._state = uvicorn.Server(self._config).server_state

    async def connect(self) -> tuple[asyncio.Transport, socket.socket]:
        """Returns the server's end of a connection and the client's."""
        ours, theirs = socket.socketpair()
        for one in (ours, theirs):
            one.setblocking(False)
        transport, _ = await asyncio.get_running_loop().connect_accepted_socket(
            self._connection, ours
        )
        return transport, theirs

    def _connection(self) -> BoundedConnection:
        turns = self._queue.turns
        return BoundedConnection(self._config, self._state, {}, peer="peer", turns=turns)

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        self.requests += 1
        headers = [(b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


async def until(true: Callable[[], bool]) -> None:
    async def wait() -> None:
        while not true():
            await asyncio.sleep(0.01)

    await asyncio.wait_for(wait(), 60)


@pytest.mark.parametrize("together", [True, False])
def test_requests_are_parsed_no_faster_than_turns_come(together: bool) -> None:
    async def flood() -> None:
        queue = Queue()
        server = Server(queue)
        connections = [await server.connect() for _ in range(1 if together else 20)]
        for _, client in connections:
            client.sendall(REQUEST * (20 // len(connections)))
        await until(lambda: server.requests >= 5)
        for turns in range(15):
            await asyncio.sleep(0.01)
            assert server.requests == 5 + turns
            queue.wait(0.5)
            await until(lambda wanted=6 + turns: server.requests >= wanted)
        for transport, client in connections:
            transport.abort()
            client.close()

    asyncio.run(flood())


def test_an_endless_head_is_not_read_faster_than_turns_come() -> None:
    async def endless() -> None:
        queue = Queue(burst=1)
        server = Server(queue)
        transport, client = await server.connect()
        client.send(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Padding: " + b"y" * 60_000)
        await until(lambda: not transport.is_reading())
        answer = asyncio.ensure_future(asyncio.get_running_loop().sock_recv(client, 1 << 16))
        await asyncio.sleep(0)
        assert not answer.done()
        # Two more parts, and the head is longer than it may be.
        for _ in range(2):
            queue.wait(0.6)
            await until(lambda: not transport.is_reading())
        assert b"400 Bad Request" in await asyncio.wait_for(answer, 60)
        assert server.requests == 0
        client.close()

    asyncio.run(endless())
