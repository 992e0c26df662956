"""Connects to a camera, and again when it is lost."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Generic, Protocol, TypeVar

from spikerain_edge.errors import InputError, StreamError
from spikerain_edge.images import Image
from spikerain_edge.stream.outages import Outages
from spikerain_edge.stream.retries import Retries, abandonable

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Shot:
    """A picture as a camera sent it.

    Attributes:
        image: uint8 (H, W, 3) BGR.
        captured: when, in seconds on the clock of `time.perf_counter`.
        pixel_shape: width of a pixel divided by its height.
    """

    image: Image
    captured: float
    pixel_shape: Fraction = Fraction(1)


class Connection(Protocol):
    """A connection to a camera, from opening to its first failure.

    Attributes:
        rate: frames per second, nominal.
    """

    rate: float

    def shots(self) -> Iterator[Shot | None]:
        """Pictures as they come; none for each that arrives damaged.

        Raises:
            StreamError: no good picture for too long, or the connection is lost.
        """
        ...

    def close(self) -> None:
        """Ends the connection."""
        ...


Link = TypeVar("Link", bound=Connection)


class Connector(Generic[Link]):
    """Opens connections to one camera, and says when it is away.

    Args:
        connect: opens a connection; raises StreamError or InputError.
        label: what to call the camera in messages, without password.

    Attributes:
        label: what to call the camera in messages.
        outages: when the camera was away.
    """

    def __init__(self, connect: Callable[[], Link], label: str) -> None:
        self.label = label
        self.outages = Outages()
        self._connect = connect
        self._ended = threading.Event()
        self._retries = Retries(self._ended)
        self._latest = self._step = time.perf_counter()

    @property
    def since_step(self) -> float:
        """Seconds since the latest picture or attempt to connect."""
        return time.perf_counter() - self._step

    @property
    def ended(self) -> bool:
        """Whether no connection is wanted any more."""
        return self._ended.is_set()

    def first(self, *, wait: bool) -> Link:
        """The first connection.

        Args:
            wait: try again until the camera is there.

        Raises:
            InputError: the camera sends no video.
            StreamError: it cannot be opened.
        """
        try:
            return abandonable(self._connect, _close)
        except StreamError as error:
            link = self.again(error) if wait else None
            if link is None:
                raise
            return link

    def again(self, loss: StreamError | InputError) -> Link | None:
        """Another connection, as long as it takes; none after `end`.

        Args:
            loss: what the latest one ended with.
        """
        if not self.outages.open:
            self.outages.begin(self._latest)
            event = {"event": "camera_lost", "camera": self.label}
            _log.warning("%s; trying again until it is back", loss.cause, extra=event)
        while self._retries.wait(loss):
            self._step = time.perf_counter()
            try:
                return abandonable(self._connect, _close)
            except (StreamError, InputError) as error:
                level = logging.DEBUG if error.cause == loss.cause else logging.WARNING
                _log.log(level, "%s; trying again", error.cause)
                loss = error
        return None

    def received(self) -> None:
        """A good picture has come, so the camera is there."""
        self._latest = self._step = time.perf_counter()
        self._retries.reset()
        outage = self.outages.end()
        if outage is not None:
            event = {"event": "camera_back", "camera": self.label, **outage.document()}
            _log.warning("%s is back after %.1f seconds", self.label, outage.seconds, extra=event)

    def end(self) -> None:
        """No connection is wanted any more; may be called on any thread."""
        self._ended.set()


def _close(link: Connection) -> None:
    link.close()
