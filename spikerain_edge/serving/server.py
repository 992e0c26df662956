"""Serves the live page on a thread of its own, from the start of a run to its end."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

import uvicorn

from spikerain_edge.cores import usable_cores
from spikerain_edge.serving.address import Address, HostNames, listen
from spikerain_edge.serving.application import application
from spikerain_edge.serving.door import Door
from spikerain_edge.serving.feed import Feed
from spikerain_edge.serving.pace import SHARE, Pace
from spikerain_edge.serving.pictures import Pictures
from spikerain_edge.serving.priority import give_way
from spikerain_edge.serving.rates import Bucket
from spikerain_edge.serving.status import HISTORY_STEP, Status, Watched
from spikerain_edge.serving.token import Token
from spikerain_edge.serving.turns import BURST, PER_SECOND, Turns

_log = logging.getLogger(__name__)
# Bytes that the head of a request may have.
_LONGEST_HEAD = 8 << 10
# Seconds that open answers have when the run ends, and that the thread has.
_GRACE = 1
_END = 2.0


class LivePage:
    """The live page of a run.

    Args:
        address: where to listen.
        names: further names that requests may give in the header `Host`.
        token: what viewers must show; None if everybody may look.
        feeds: the frames of the cameras.
        stall: seconds without a frame after which a camera counts as silent.

    Raises:
        StreamError: the port is in use, or the address is not of this machine.

    Attributes:
        address: where it listens, with the port that was found for 0.
    """

    def __init__(
        self,
        address: Address,
        feeds: Sequence[Feed],
        stall: float,
        *,
        names: Sequence[str] = (),
        token: Token | None = None,
    ) -> None:
        self._socket = listen(address)
        self.address = replace(address, port=self._socket.getsockname()[1])
        self.feeds = feeds
        self._stall = stall
        self._names = HostNames(address, names)
        self._token = token
        self._run: Watched | None = None
        self._status: Status | None = None
        self._server: uvicorn.Server | None = None
        self._thread = threading.Thread(target=self._work, name="live page", daemon=True)

    def watch(self, run: Watched) -> None:
        """Tells of this run from now on."""
        self._run = run
        if self._status is not None:
            self._status.run = run

    @contextmanager
    def opened(self) -> Iterator[LivePage]:
        """Within it the page is served."""
        self._thread.start()
        try:
            _log.info("live page: http://%s/", self.address)
            yield self
        finally:
            if self._server is not None:
                self._server.should_exit = True
            self._thread.join(_END)
            self._socket.close()

    def _work(self) -> None:
        give_way()
        with suppress(asyncio.CancelledError):
            asyncio.run(self._serve(self._socket))

    async def _serve(self, opened: socket.socket) -> None:
        share = SHARE * usable_cores()
        pace = Pace(share)
        pictures = [Pictures(feed, pace) for feed in self.feeds]
        self._status = Status(
            self.feeds, self._stall, lambda camera: pictures[camera].viewers, share=share
        )
        self._status.run = self._run
        server = uvicorn.Server(
            uvicorn.Config(
                application(pictures, self._status, self._names, self._token),
                ws="none",
                lifespan="off",
                log_config=None,
                log_level=logging.CRITICAL,
                access_log=False,
                server_header=False,
                timeout_keep_alive=5,
                timeout_graceful_shutdown=_GRACE,
                h11_max_incomplete_event_size=_LONGEST_HEAD,
            )
        )
        self._server = server
        watching = asyncio.create_task(_watch(server, pictures, self._status))
        loop = asyncio.get_running_loop()
        turns = Turns(Bucket(BURST, PER_SECOND, loop.time), loop.call_later)
        accepting = asyncio.create_task(Door(server, turns).open(opened))
        # It is given its connections one by one, so it needs no socket.
        await server.serve(sockets=[])
        for task in (watching, accepting):
            task.cancel()


async def _watch(server: uvicorn.Server, pictures: Sequence[Pictures], status: Status) -> None:
    """Keeps the history, and ends the streams when the server is to end."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    while not server.should_exit:
        if loop.time() >= due:
            status.remember()
            due += HISTORY_STEP
        await asyncio.sleep(0.1)
    for each in pictures:
        await each.close()
