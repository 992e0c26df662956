"""A camera as a source of frames that never ends by itself."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

from spikerain_edge.errors import StreamError
from spikerain_edge.stream.connector import Connection, Connector, Link, Shot
from spikerain_edge.stream.frame import Arrivals, Frame
from spikerain_edge.stream.outages import Outage

# Seconds between two attempts to connect to a camera that refuses, at most.
_LONGEST_STEP = 30.0
_log = logging.getLogger(__name__)


class LiveSource:
    """A camera that is connected to again whenever it is lost.

    Args:
        connection: the first connection.
        connector: opens the others.
        patience: seconds without a good frame after which a connection is lost.

    Attributes:
        corrupt: frames that arrived damaged; they are passed over.
    """

    live = True
    length: int | None = None
    paths: Sequence[Path] = ()
    missing = 0

    def __init__(self, connection: Link, connector: Connector[Link], patience: float) -> None:
        self.corrupt = 0
        self.rate = connection.rate
        self._connection: Connection | None = connection
        self._connector = connector
        self._patience = patience
        self._reading = False
        self._handing = False
        self._size: tuple[int, int] | None = None

    @property
    def outages(self) -> list[Outage]:
        """When the camera was away; the last one may go on."""
        return self._connector.outages.all()

    @property
    def returns(self) -> int:
        """How often the camera has come back after an outage."""
        return self._connector.outages.ended

    @property
    def away(self) -> bool:
        """Whether the camera is away now."""
        return self._connector.outages.open

    @property
    def overdue(self) -> float:
        """Seconds beyond what a watched camera may take for its next step; 0 if it is in time."""
        idle = 0.0 if self._handing else self._connector.since_step
        return max(0.0, idle - _LONGEST_STEP - 3 * self._patience)

    def __iter__(self) -> Iterator[Frame]:
        index, arrivals = 0, Arrivals(self.rate)
        for shot in self._shots():
            if shot is None:
                self.corrupt += 1
                continue
            self._connector.received()
            self._follow_size(shot, index)
            shown, duration = arrivals.add(shot.captured)
            name = f"frame_{index:06d}"
            # Whoever takes the frame may let it wait.
            self._handing = True
            yield Frame(shot.image, index, shot.captured, name, shown, duration, shot.pixel_shape)
            self._handing = False
            index += 1

    def close(self) -> None:
        """Ends the iteration soon; may be called on any thread."""
        self._connector.end()
        if not self._reading and self._connection is not None:
            self._connection.close()

    def _shots(self) -> Iterator[Shot | None]:
        self._reading = True
        while self._connection is not None and not self._connector.ended:
            try:
                yield from self._connection.shots()
                loss = StreamError(f"{self._connector.label} has closed the connection", "")
            except StreamError as error:
                loss = error
            finally:
                self._connection.close()
            self._connection = self._connector.again(loss)

    def _follow_size(self, shot: Shot, index: int) -> None:
        """Says that the pictures have another size."""
        height, width = shot.image.shape[:2]
        if self._size not in (None, (width, height)):
            event = {"event": "size_changed", "camera": self._connector.label}
            text = "%s sends %dx%d from frame %d on"
            _log.warning(text, self._connector.label, width, height, index, extra=event)
        self._size = (width, height)
