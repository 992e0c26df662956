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
from spikerain_edge.stream.attempts import Attempts, HungError
from spikerain_edge.stream.outages import Outages
from spikerain_edge.stream.retries import Retries

_log = logging.getLogger(__name__)
# Seconds in which a cause is told once, and how many are remembered.
_SAY_EVERY = 600.0
_MOST_CAUSES = 100


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
        patience: seconds that the camera may be silent.

    Attributes:
        label: what to call the camera in messages.
        outages: when the camera was away.
    """

    def __init__(self, connect: Callable[[], Link], label: str, patience: float) -> None:
        self.label = label
        self.outages = Outages()
        self._attempts = Attempts(connect, _close, label, patience)
        self._said: dict[str, float] = {}
        self._ended = threading.Event()
        self._retries = Retries(self._ended)
        self._latest = self._step = time.perf_counter()

    @property
    def since_step(self) -> float:
        """Seconds since the latest picture, or since an attempt to connect was begun."""
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
            StreamError: it cannot be opened, or its driver hangs.
        """
        try:
            return self._attempts.make()
        except StreamError as error:
            link = self.again(error, started=False) if wait else None
            if link is None:
                raise
            return link

    def again(self, loss: StreamError | InputError, *, started: bool = True) -> Link | None:
        """Another connection, as long as it takes; none after `end`.

        Args:
            loss: what the latest one ended with.
            started: whether there has been a connection. Only then is a driver that hangs waited
                for; the service manager is told of it.

        Raises:
            HungError: the driver hangs.
        """
        if not self.outages.open:
            self.outages.begin(self._latest)
            self._said[loss.cause] = time.perf_counter()
            event = {"event": "camera_lost", "camera": self.label}
            _log.warning("%s; trying again until it is back", loss.cause, extra=event)
        while self._retries.wait(loss):
            if not self._attempts.hangs:
                self._step = time.perf_counter()
            try:
                return self._attempts.make()
            except HungError as error:
                if not started:
                    raise
                loss = error
            except (StreamError, InputError) as error:
                loss = error
            self._say(loss.cause)
        return None

    def received(self) -> None:
        """A good picture has come, so the camera is there."""
        self._latest = self._step = time.perf_counter()
        self._retries.reset()
        outage = self.outages.end()
        if outage is not None:
            self._said.clear()
            event = {"event": "camera_back", "camera": self.label, **outage.document()}
            _log.warning("%s is back after %.1f seconds", self.label, outage.seconds, extra=event)

    def _say(self, cause: str) -> None:
        """Warns of a cause once in ten minutes: a camera may be away for months."""
        now = time.perf_counter()
        news = now - self._said.get(cause, -_SAY_EVERY) >= _SAY_EVERY
        if news and len(self._said) < _MOST_CAUSES:
            self._said[cause] = now
        _log.log(logging.WARNING if news else logging.DEBUG, "%s; trying again", cause)

    def end(self) -> None:
        """No connection is wanted any more; may be called on any thread."""
        self._ended.set()


def _close(link: Connection) -> None:
    link.close()
